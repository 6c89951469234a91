/** In the worker: the status that an app writes by hand, on a connection that was upgraded. */
import type { Duplex } from 'node:stream';

type Act = (this: Duplex, ...args: unknown[]) => unknown;

/** Calls `heard` with the status of the first thing that is written, if that is the head of a response. */
export function onFirstStatus(socket: Duplex, heard: (status: number) => void): void {
  const names = ['write', 'end'] as const;
  const before = names.map((name) => [name, Object.getOwnPropertyDescriptor(socket, name)] as const);
  for (const name of names) {
    const act = socket[name] as Act;
    Object.defineProperty(socket, name, {
      configurable: true,
      writable: true,
      value(this: Duplex, ...args: unknown[]) {
        for (const [each, own] of before) restore(socket, each, own);
        const status = statusOf(args[0]);
        if (status !== undefined) heard(status);
        return Reflect.apply(act, this, args);
      },
    });
  }
}

function restore(socket: Duplex, name: string, own: PropertyDescriptor | undefined): void {
  if (own === undefined) Reflect.deleteProperty(socket, name);
  else Object.defineProperty(socket, name, own);
}

function statusOf(chunk: unknown): number | undefined {
  const text = typeof chunk === 'string' ? chunk : chunk instanceof Uint8Array ? Buffer.from(chunk).toString('latin1', 0, 12) : '';
  const digits = /^HTTP\/1\.\d (\d{3})/.exec(text)?.[1];
  return digits === undefined ? undefined : Number(digits);
}
