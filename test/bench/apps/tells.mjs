// For an app that says when it listens, in the file that TOLD names: whoever asked again and again until then would have slowed its start.
import { appendFileSync } from 'node:fs';
import { pathToFileURL } from 'node:url';

/** `hello`, or the generation. */
export const answer = `${process.env.HOLDFAST_GENERATION ?? 'hello'}\n`;

/** `server` is Holdfast's to listen with, or its own, as `node FILE`. */
export function tells(server, url) {
  server.once('listening', () => appendFileSync(process.env.TOLD, answer));
  if (url === pathToFileURL(process.argv[1] ?? '').href)
    server.listen({ port: Number(process.env.PORT), host: '127.0.0.1', backlog: 2048 });
  return server;
}
