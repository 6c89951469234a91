/**
 * What a channel carries: frames of a 32-bit big-endian length and that many bytes of JSON.
 * Our own framing and not Node's IPC, where one malformed line is an uncaught exception in the parent.
 */

/** Bytes that one frame may have. A worker that was taken over must not be able to fill its master's memory. */
export const FRAME_LIMIT = 256 * 1024;
const HEADER = 4;

/** A peer that sent what is no frame: it is not listened to again. */
export class FrameError extends Error {
  override readonly name = 'FrameError';
}

export function encodeFrame(message: unknown): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const frame = Buffer.allocUnsafe(HEADER + body.length);
  frame.writeUInt32BE(body.length);
  body.copy(frame, HEADER);
  return frame;
}

/** Cuts a stream of bytes into messages. Throws FrameError for a length over the limit and for what is not JSON. */
export class FrameReader {
  #rest: Buffer = Buffer.alloc(0);

  *push(chunk: Buffer): Generator<unknown> {
    this.#rest = this.#rest.length === 0 ? chunk : Buffer.concat([this.#rest, chunk]);
    while (this.#rest.length >= HEADER) {
      const length = this.#rest.readUInt32BE();
      if (length > FRAME_LIMIT) throw new FrameError(`a frame of ${length} bytes`);
      if (this.#rest.length < HEADER + length) return;
      const body = this.#rest.subarray(HEADER, HEADER + length);
      this.#rest = this.#rest.subarray(HEADER + length);
      yield parse(body);
    }
  }
}

function parse(body: Buffer): unknown {
  try {
    return JSON.parse(body.toString());
  } catch (cause) {
    throw new FrameError('a frame that is not JSON', { cause });
  }
}
