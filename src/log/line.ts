/**
 * One line of JSON, as pino writes it: level, time, what every line has, what this one has, msg. Pure.
 * Not pino itself: to load it takes as long as half of Node's own start, in every process of every generation, and nothing but this was used of it.
 */

/** `time` in milliseconds since the epoch; the newline included. Never throws: what JSON cannot say is left out, and the sentence stays. */
export function lineOf(level: string, time: number, bindings: object, fields: object, msg: string): string {
  const head = { level, time: new Date(time).toISOString(), ...bindings };
  try {
    return `${JSON.stringify({ ...head, ...fields, msg })}\n`;
  } catch {
    // A cycle, a bigint, a toJSON that throws.
    return `${JSON.stringify({ ...head, msg })}\n`;
  }
}
