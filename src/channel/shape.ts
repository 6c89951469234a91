/** Checks of what came from another process, which may be an older release, a newer one, or an app that was taken over. Pure. */

export interface Fields {
  readonly [name: string]: 'string' | 'number' | 'boolean' | 'object';
}

/** For each message type: the fields that it must have. More fields are no error, so that a later release may add some. */
export type Shapes = Readonly<Record<string, Fields>>;

/** The message, or undefined when it is not one of these. */
export function shapedAs(shapes: Shapes, message: unknown): { readonly type: string } | undefined {
  if (typeof message !== 'object' || message === null || !('type' in message) || typeof message.type !== 'string') return undefined;
  const fields = Object.hasOwn(shapes, message.type) ? shapes[message.type] : undefined;
  if (fields === undefined) return undefined;
  const values = message as unknown as Readonly<Record<string, unknown>>;
  const whole = Object.entries(fields).every(([name, type]) => typeof values[name] === type && values[name] !== null);
  return whole ? (message as { readonly type: string }) : undefined;
}
