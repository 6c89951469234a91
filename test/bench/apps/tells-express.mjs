// A small app of a usual framework.
import { createServer } from 'node:http';
import express from 'express';
import { answer, tells } from './tells.mjs';

const app = express();
app.get('/', (_req, res) => res.type('text').send(answer));
export default tells(createServer(app), import.meta.url);
