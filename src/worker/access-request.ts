/** In the worker: what the access log reads of a request. */
import type { IncomingMessage } from 'node:http';

const DASH = '-';

/**
 * In lower case; the first of that name. Not by `request.headers`: that is made when somebody asks for it, and most of what an access log costs.
 */
export function headerOf(request: IncomingMessage | undefined, name: string): string | undefined {
  const raw = request?.rawHeaders ?? [];
  for (let at = 0; at < raw.length; at += 2) {
    const header = raw[at] ?? '';
    if (header.length === name.length && (header === name || header.toLowerCase() === name)) return raw[at + 1];
  }
  return undefined;
}

/** Path and query, as they were sent. */
export function split(url: string | undefined): readonly [string, string] {
  if (url === undefined) return [DASH, ''];
  const mark = url.indexOf('?');
  return mark < 0 ? [url, ''] : [url.slice(0, mark), url.slice(mark + 1)];
}

/** Of HTTP's basic authentication. RFC 7617. */
export function userOf(authorization: string | undefined): string | undefined {
  const token = /^basic +([\w+/=-]+)/i.exec(authorization ?? '')?.[1];
  if (token === undefined) return undefined;
  const user = Buffer.from(token, 'base64').toString().split(':', 1)[0];
  return user === '' ? undefined : user;
}
