/** What a candidate writes to stderr before it can log (master): a file, so that no process's death is another's broken pipe. */
import { closeSync, fstatSync, mkdtempSync, openSync, readSync, rmdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { messageOf } from '../errors.js';

/** Bytes, the last ones. */
const LIMIT = 2_000;

export class LastWords {
  /** Undefined where no file could be had. */
  readonly fd: number | undefined = unlinkedFile();

  text(): string {
    if (this.fd === undefined) return '';
    const size = fstatSync(this.fd).size;
    const text = Buffer.alloc(Math.min(size, LIMIT));
    readSync(this.fd, text, 0, text.length, size - text.length);
    return text.toString().trim();
  }

  /** The line that says what went wrong; else the last one. */
  gist(): string {
    const lines = this.text()
      .split('\n')
      .filter((line) => line.trim() !== '');
    return lines.find((line) => /^(holdfast: |\w*Error\b)/.test(line)) ?? lines.at(-1) ?? '';
  }

  close(): void {
    if (this.fd !== undefined) closeSync(this.fd);
  }
}

function unlinkedFile(): number | undefined {
  try {
    const directory = mkdtempSync(join(tmpdir(), 'holdfast-'));
    const file = join(directory, 'words');
    try {
      return openSync(file, 'wx+', 0o600);
    } finally {
      rmSync(file, { force: true });
      rmdirSync(directory);
    }
  } catch (error) {
    process.emitWarning(`no file for a candidate's last words: ${messageOf(error)}`);
    return undefined;
  }
}
