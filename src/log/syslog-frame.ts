/** A line as syslog takes it, on /dev/log as well as over UDP (RFC 3164). Pure. */

export const INFO = 6;
/** RFC 5424 6.2.1. */
export const SEVERITIES: ReadonlyMap<string, number> = new Map([
  ['debug', 7],
  ['info', INFO],
  ['warning', 4],
  ['error', 3],
  ['critical', 2],
]);

/** Bytes. What rsyslog and journald take at least; RFC 3164 says 1024, which cuts a JSON line. */
const LONGEST = 8_000;
const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];

export interface Entry {
  /** Eight times the facility, and the severity. */
  readonly priority: number;
  readonly host: string | undefined;
  readonly tag: string;
  readonly pid: number;
  readonly line: string;
}

/** `<14>Nov 24 20:35:16 holdfast.shop[4711]: {...}`, in local time. */
export function frame({ priority, host, tag, pid, line }: Entry, now: Date): Buffer {
  const text = line.replace(/\n+$/, '').replaceAll('\n', ' ');
  const entry = Buffer.from(`<${priority}>${timestamp(now)} ${host === undefined ? '' : `${host} `}${tag}[${pid}]: ${text}`);
  return entry.subarray(0, LONGEST);
}

function timestamp(now: Date): string {
  const time = [now.getHours(), now.getMinutes(), now.getSeconds()].map((part) => String(part).padStart(2, '0')).join(':');
  return `${MONTHS[now.getMonth()]} ${String(now.getDate()).padStart(2)} ${time}`;
}
