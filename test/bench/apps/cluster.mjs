// WORKERS of node:cluster. HUP: new ones first, then disconnect() to the old ones, which closes their servers. They go on with the connections that
// are never idle, for as long as their clients like: nobody kills them. The title counts the reloads.
import cluster from 'node:cluster';
import { once } from 'node:events';

const count = Number(process.env.WORKERS);

if (cluster.isPrimary) {
  let reloads = 0;
  const start = () => Promise.all(Array.from({ length: count }, () => once(cluster.fork(), 'listening')));
  const reload = async () => {
    const old = Object.values(cluster.workers);
    await start();
    for (const worker of old) worker.disconnect();
    reloads += 1;
    process.title = `cluster ${reloads}`;
  };
  process.on('SIGHUP', reload);
  await start();
} else await import('./listening.mjs');
