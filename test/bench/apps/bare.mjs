// What everything is compared with: `node bare.mjs`.
import { createServer } from 'node:http';

createServer((_req, res) => res.end('hello\n')).listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 2048 });
