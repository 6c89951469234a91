// A small app of a usual framework: says which generation answers, or `hello` as `node express.mjs`.
import { pathToFileURL } from 'node:url';
import express from 'express';

const app = express();
app.get('/', (_req, res) => res.type('text').send(`${process.env.HOLDFAST_GENERATION ?? 'hello'}\n`));
export default app;

if (import.meta.url === pathToFileURL(process.argv[1] ?? '').href)
  app.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 2048 });
