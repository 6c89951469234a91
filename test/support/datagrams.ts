// A unix datagram socket in the place of /dev/log. Not by node-unix-socket, which loses some of what it receives on Node 26.
import { closeSync, rmSync } from 'node:fs';
import koffi from 'koffi';
import { bind, C } from '#src/sys/sockets.js';
import type { Test } from './temp.js';

const libc = koffi.load(null);
const socket = libc.func('int socket(int domain, int type, int protocol)');
const recv = libc.func('long recv(int fd, _Out_ uint8_t *buffer, unsigned long length, int flags)');

const SOCK_DGRAM = 2;
const MSG_DONTWAIT = process.platform === 'darwin' ? 0x80 : 0x40;
/** Nobody tells that something came. */
const LOOK_MS = 5;

export class Receiver {
  readonly heard: string[] = [];
  readonly #path: string;
  readonly #fd: number;
  readonly #buffer = Buffer.alloc(65_536);
  #timer: NodeJS.Timeout | undefined;

  /** Bound from now on, and reading. */
  constructor(t: Test, path: string) {
    this.#path = path;
    this.#fd = socket(C.AF_UNIX, SOCK_DGRAM, 0) as number;
    bind(this.#fd, Buffer.concat([new Uint8Array(new Uint16Array([C.AF_UNIX]).buffer), Buffer.from(`${path}\0`)]));
    this.read();
    t.teardown(() => this.close());
  }

  read(): void {
    this.#timer ??= setInterval(() => this.#readAll(), LOOK_MS);
  }

  /** Bound and not reading: its queue fills. */
  pause(): void {
    clearInterval(this.#timer);
    this.#timer = undefined;
  }

  /** Gone, and its path with it. */
  close(): void {
    if (this.#timer === undefined) return;
    this.pause();
    closeSync(this.#fd);
    rmSync(this.#path, { force: true });
  }

  #readAll(): void {
    for (let size = this.#receive(); size >= 0; size = this.#receive()) this.heard.push(this.#buffer.toString('utf8', 0, size));
  }

  #receive(): number {
    return Number(recv(this.#fd, this.#buffer, this.#buffer.length, MSG_DONTWAIT));
  }
}
