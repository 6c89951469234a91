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

/** The sentence of whatever was thrown. */
export function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown);
}
