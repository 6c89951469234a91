// A release of which worker 2 takes its time between the order to accept and accepting: whoever lets an old worker go too soon is seen.
import type { Releases } from './releases.js';

const LATE_MS = 500;

export function addLate(releases: Releases): number {
  return releases.add(`
    import { createServer } from 'node:http';
    import app from './full.js';
    const server = createServer(app);
    const { listen } = server;
    const late = process.env.HOLDFAST_WORKER === '2' ? ${LATE_MS} : 0;
    server.listen = (...where) => { setTimeout(() => listen.apply(server, where), late); return server; };
    export default server;
  `);
}
