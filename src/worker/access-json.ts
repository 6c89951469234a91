/** In the worker: an exchange as a line of JSON. Not by JSON.stringify as a whole, which costs as much as everything else together. */
import { quoted } from './access-escape.js';
import { headerOf, split, userOf } from './access-request.js';
import { isoNow } from './access-time.js';
import type { Exchange } from './exchanges.js';

/** What all lines of a worker say about it. */
export interface Who {
  readonly name: string;
  readonly gen: number;
  readonly slot: number;
  readonly pid: number;
}

const MICROSECONDS = 1000;

export function jsonLine(who: Who): (exchange: Exchange) => string {
  const about = JSON.stringify(who).slice(1);
  return ({ request, method, url, address, status, bytes, milliseconds, complete }) => {
    const [path, query] = split(url);
    const user = userOf(headerOf(request, 'authorization'));
    const protocol = request === undefined ? 'null' : `"HTTP/${request.httpVersion}"`;
    const took = Math.round(milliseconds * MICROSECONDS) / MICROSECONDS;
    return (
      `{"time":"${isoNow()}","remote":${quoted(address)},"user":${quoted(user)},"method":${quoted(method)},"path":${quoted(path)}` +
      `,"query":${quoted(query)},"protocol":${protocol},"status":${status},"bytes":${bytes},"durationMs":${took},"complete":${complete}` +
      `,"referer":${quoted(headerOf(request, 'referer'))},"agent":${quoted(headerOf(request, 'user-agent'))},${about}`
    );
  };
}
