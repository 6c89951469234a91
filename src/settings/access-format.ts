/** `--access-logformat`: gunicorn's atoms, or json. Pure. */
import { type Parse, unusable } from './values.js';

/** What gunicorn has, but for `l`, which is always a dash. */
const PLAIN = 'hlutrmUqHsBbfaTMDLp';
/** `{name}i` of the request's headers, `{name}o` of the response's, `{NAME}e` of the environment. */
const NAMED = 'ioe';

/** A text that stands for itself, or an atom; `name` is what stands in braces before it. */
export type Piece = string | { readonly atom: string; readonly name?: string };
export type AccessFormat = 'json' | readonly Piece[];

/** Throws HoldfastError, exit 2, for an atom that there is none of: gunicorn would log a dash for ever. */
export const accessFormat: Parse<AccessFormat> = (text, as) => {
  if (text === 'json') return 'json';
  if (text === '' || /[\0-\x1f\x7f]/.test(text)) throw unusable(as, 'it is empty, or there is a control character in it');
  return text.split(/(%(?:\([^)]*\)s|%)?)/).flatMap((part) => pieceOf(part, as));
};

function pieceOf(part: string, as: string): Piece[] {
  if (part === '') return [];
  if (!part.startsWith('%')) return [part];
  if (part === '%%') return ['%'];
  const [, name, atom = ''] = /^%\((?:\{([^}]+)\})?(\w)\)s$/.exec(part) ?? [];
  if (part === '%') throw unusable(as, 'an atom is written %(h)s, and a percent sign %%');
  if (name === undefined && atom !== '' && PLAIN.includes(atom)) return [{ atom }];
  if (name !== undefined && atom !== '' && NAMED.includes(atom)) return [{ atom, name: atom === 'e' ? name : name.toLowerCase() }];
  throw unusable(as, `there is no atom ${part} (${[...PLAIN].join(' ')}, {header}i, {header}o, {variable}e, or json alone)`);
}
