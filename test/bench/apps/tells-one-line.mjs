// Nearly no app.
import { createServer } from 'node:http';
import { answer, tells } from './tells.mjs';

export default tells(
  createServer((_req, res) => res.end(answer)),
  import.meta.url,
);
