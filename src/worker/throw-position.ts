/** In the worker, when the app throws while it is loaded: where. */
import { fileURLToPath } from 'node:url';

const OURS = fileURLToPath(new URL('..', import.meta.url));

/** `FILE:LINE` of the first frame of the error's stack that is neither Node's nor ours; undefined where there is none. */
export function throwPosition(error: unknown): string | undefined {
  const stack = error instanceof Error ? (error.stack ?? '') : '';
  for (const [, place = '', line] of stack.matchAll(/^\s+at (?:.+ \()?((?:file:\/\/)?\/[^)\n]+?):(\d+):\d+\)?$/gm)) {
    const file = place.startsWith('file:') ? fileURLToPath(place) : place;
    if (!file.startsWith(OURS)) return `${file}:${line}`;
  }
  return undefined;
}
