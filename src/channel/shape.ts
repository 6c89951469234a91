/** Checks of what came from another process, which may be an older release, a newer one, or an app that was taken over. Pure. */

type Kind = 'string' | 'number' | 'boolean';
/** A value of a kind, or one that has these fields. */
type Item = Kind | Readonly<Record<string, Kind>>;

/** `[...]` is a list, of as many as there are. */
export interface Fields {
  readonly [name: string]: Kind | readonly [Item];
}

/** For each message type: the fields that it must have. More fields are no error, so that a later release may add some. */
export type Shapes = Readonly<Record<string, Fields>>;

/** The message, or undefined when it is not one of these. */
export function shapedAs(shapes: Shapes, message: unknown): { readonly type: string } | undefined {
  if (!isRecord(message) || typeof message['type'] !== 'string' || !Object.hasOwn(shapes, message['type'])) return undefined;
  return hasAll(message, shapes[message['type']] ?? {}) ? (message as { readonly type: string }) : undefined;
}

function hasAll(message: Readonly<Record<string, unknown>>, fields: Fields): boolean {
  return Object.entries(fields).every(([name, type]) => {
    const value = message[name];
    return typeof type === 'string' ? isItem(value, type) : Array.isArray(value) && value.every((each) => isItem(each, type[0]));
  });
}

function isItem(value: unknown, item: Item): boolean {
  return typeof item === 'string' ? typeof value === item : isRecord(value) && hasAll(value, item);
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
