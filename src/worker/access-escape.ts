/** In the worker: what a client sends, made harmless for the access log. Pure. */

const TELLING = /["\\\x00-\x1f\x7f-\uffff]/;

/** What a client sends can end neither a quoted field nor a line. As Apache does: `\"`, `\\`, `\xHH` for each byte that is not plain ASCII. */
export function escaped(text: string): string {
  return TELLING.test(text) ? text.replaceAll(/["\\\x00-\x1f\x7f-\uffff]/g, inPlain) : text;
}

/** Headers come as Latin-1, a byte a character; the rest may have any. */
function inPlain(character: string): string {
  if (character === '"' || character === '\\') return `\\${character}`;
  const code = character.charCodeAt(0);
  return code > 0xff ? `\\u${code.toString(16).padStart(4, '0')}` : `\\x${code.toString(16).padStart(2, '0')}`;
}

/** As JSON; null for nothing. Controls that JSON leaves as they are, and a terminal may obey, are written out. */
export function quoted(text: string | undefined): string {
  if (text === undefined) return 'null';
  if (!TELLING.test(text)) return `"${text}"`;
  return JSON.stringify(text).replaceAll(/[\x7f-\x9f]/g, (character) => `\\u00${character.charCodeAt(0).toString(16)}`);
}
