/** The documented exit statuses. */
export const EXIT = { ok: 0, failed: 1, usage: 2, boot: 3, app: 4 } as const;
export type ExitStatus = (typeof EXIT)[keyof typeof EXIT];

/** An expected failure: its message is the one line that an operator gets, "cannot <verb> <thing>: <what stands against it> (<what to do>)". */
export class HoldfastError extends Error {
  override readonly name = 'HoldfastError';

  constructor(
    message: string,
    readonly exitStatus: ExitStatus = EXIT.failed,
    options?: ErrorOptions,
  ) {
    super(message, options);
  }
}

/** C0, DEL, C1, and the two that end a line in Unicode. */
const CONTROLS = /[\0-\x1f\x7f-\x9f\u2028\u2029]/g;

/**
 * A text in which nothing moves the cursor, ends the line or the string: controls are written as JSON does, `\n` and `\u001b`. A name, a path or what an app
 * says may hold any, and goes into lines for a terminal, and into process titles.
 */
export function printable(text: string): string {
  return text.replaceAll(CONTROLS, (control) => {
    const short = JSON.stringify(control).slice(1, -1);
    return short === control ? `\\u${control.charCodeAt(0).toString(16).padStart(4, '0')}` : short;
  });
}

/** A text as one word of a shell's command, in a line that is to be copied. POSIX, 2.2 Quoting. */
export function shellWord(text: string): string {
  return /^[\w@%+=:,./-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`;
}

/** The sentence of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
