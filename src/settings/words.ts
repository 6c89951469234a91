/** A text taken apart as a shell would: Python's shlex.split(), which is what gunicorn does with GUNICORN_CMD_ARGS. Pure. */
import { EXIT, HoldfastError } from '../errors.js';

/** Blanks; or a piece of a word: within quotes, behind a backslash, or plain. What matches none of these has no end. */
const PIECE = /(?<blank>[ \t\r\n]+)|'(?<single>[^']*)'|"(?<double>(?:[^"\\]|\\.)*)"|\\(?<escaped>.)|(?<plain>[^ \t\r\n'"\\]+)/sy;

/**
 * Nothing is expanded. Within double quotes a backslash stands before a quote or a backslash, elsewhere there it stands for itself; within single
 * quotes always.
 * @param as what the text is called, for the message
 * @throws HoldfastError, exit 2: a quote or a backslash without its other half
 */
export function splitWords(text: string, as: string): string[] {
  const words: string[] = [];
  let word: string | undefined;
  for (const piece of pieces(text, as)) {
    if (piece !== undefined) word = (word ?? '') + piece;
    else if (word !== undefined) words.push(word);
    if (piece === undefined) word = undefined;
  }
  return word === undefined ? words : [...words, word];
}

/** Undefined between two words. */
function* pieces(text: string, as: string): Generator<string | undefined> {
  for (let at = 0; at < text.length; ) {
    PIECE.lastIndex = at;
    const found = PIECE.exec(text);
    if (found === null) throw new HoldfastError(`cannot use ${as}: ${unended(text[at])}`, EXIT.usage);
    const { single, double, escaped, plain } = found.groups ?? {};
    yield single ?? double?.replaceAll(/\\(["\\])/g, '$1') ?? escaped ?? plain;
    at += found[0].length;
  }
}

function unended(beginning: string | undefined): string {
  return beginning === '\\' ? 'it ends with a backslash (leave it out, or write it twice)' : `a quote has no end (${beginning})`;
}
