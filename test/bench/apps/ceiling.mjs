// WORKERS bare servers with nothing around them, on one socket, or with SOCKETS=each on one each. This process binds, starts them, and does nothing
// more. It is there because they must share a session, as everybody's workers do: the kernel divides the processors between sessions first.
import { spawn } from 'node:child_process';
import { closeSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createReuseportFd } from 'node-unix-socket';
import { setCloseOnExec } from '#src/sys/descriptors.js';

const { PORT, WORKERS, SOCKETS } = process.env;
const server = fileURLToPath(new URL('./inherited.mjs', import.meta.url));
const fds = Array.from({ length: SOCKETS === 'each' ? Number(WORKERS) : 1 }, bound);

for (let n = 0; n < Number(WORKERS); n += 1)
  spawn(process.execPath, [server], { stdio: ['ignore', 'inherit', 'inherit', fds[n % fds.length]] });
for (const fd of fds) closeSync(fd);

function bound() {
  const fd = createReuseportFd(Number(PORT), '127.0.0.1');
  setCloseOnExec(fd);
  return fd;
}
