/** What a daemon tells its launcher: one line. Pure. */

export interface Note {
  readonly exitStatus: number;
  readonly reason?: string;
}

export function writeNote(note: Note): string {
  return `${JSON.stringify(note)}\n`;
}

/** Undefined for what is none yet, or never will be. */
export function readNote(text: string): Note | undefined {
  const line = text.slice(0, text.indexOf('\n'));
  try {
    const { exitStatus, reason } = JSON.parse(line) as Partial<Record<keyof Note, unknown>>;
    if (typeof exitStatus !== 'number') return undefined;
    return { exitStatus, ...(typeof reason === 'string' && reason !== '' ? { reason } : {}) };
  } catch {
    return undefined;
  }
}
