/** In the worker: the time as the access log has it (local), as in Apache's common log format. */

const MONTHS = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'];
let second = -1;
let stamp = '';

/** `[24/Nov/2026:20:35:16 +0000]`, made once a second. */
export function now(): string {
  const ms = Date.now();
  const current = Math.floor(ms / 1000);
  if (current !== second) {
    second = current;
    stamp = commonTime(new Date(ms));
  }
  return stamp;
}

function commonTime(date: Date): string {
  const two = (part: number): string => String(part).padStart(2, '0');
  const east = -date.getTimezoneOffset();
  const zone = `${east < 0 ? '-' : '+'}${two(Math.floor(Math.abs(east) / 60))}${two(Math.abs(east) % 60)}`;
  const day = `${two(date.getDate())}/${MONTHS[date.getMonth()]}/${date.getFullYear()}`;
  return `[${day}:${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())} ${zone}]`;
}

let millisecond = -1;
let iso = '';

/** `2026-11-24T20:35:16.123Z`, made once a millisecond. */
export function isoNow(): string {
  const ms = Date.now();
  if (ms !== millisecond) {
    millisecond = ms;
    iso = new Date(ms).toISOString();
  }
  return iso;
}
