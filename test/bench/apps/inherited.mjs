// Bare Node on the socket that it is given as descriptor 3, and nothing else.
import { createServer } from 'node:http';

createServer((_req, res) => res.end('hello\n')).listen({ fd: 3 }, 2048);
