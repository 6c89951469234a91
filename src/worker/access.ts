/** In the worker: the access log, from the first connection to the end of the process. */
import type { AccessOrder } from '../channel/worker-messages.js';
import { AccessLog } from '../log/access-log.js';
import type { Log } from '../log/log.js';
import type { Who } from './access-json.js';
import { isTimed, lineOf } from './access-line.js';
import type { Server } from './connections.js';
import { followExchanges } from './exchanges.js';

/** To be called when the probe is over. Returns the log, to be reopened; what is left is written at the end of the process, whoever orders that. */
export function startAccessLog(server: Server, { file, format }: AccessOrder, who: Who, log: Log): AccessLog {
  const access = new AccessLog(file ?? undefined, log);
  const line = lineOf(format, who);
  const cutAll = followExchanges(server, (exchange) => access.add(line(exchange)), isTimed(format));
  process.once('exit', () => {
    cutAll();
    access.end();
  });
  return access;
}
