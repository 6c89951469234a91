/** IP addresses as text and as bytes, without a resolver (RFC 4291, RFC 5952). Pure. */

const V4_LENGTH = 4;
const V6_LENGTH = 16;
const V6_GROUPS = 8;

/** The bytes of an address, 4 or 16 of them in network order; undefined for anything else, a zone (`%eth0`) or an octal octet included. */
export function parseIp(text: string): readonly number[] | undefined {
  return text.includes(':') ? parseV6(text) : parseV4(text);
}

/** The canonical text of 4 or 16 bytes. */
export function formatIp(bytes: readonly number[]): string {
  return bytes.length === V4_LENGTH ? bytes.join('.') : formatV6(bytes);
}

/** The v4 address that a v6 one of the form ::ffff:a.b.c.d stands for. A socket for v6 alone cannot be bound to it. */
export function unmapped(bytes: readonly number[]): readonly number[] {
  const mapped = bytes.length === V6_LENGTH && bytes.slice(0, 10).every((byte) => byte === 0) && bytes[10] === 0xff && bytes[11] === 0xff;
  return mapped ? bytes.slice(12) : bytes;
}

function parseV4(text: string): readonly number[] | undefined {
  const octets = text.split('.');
  if (octets.length !== V4_LENGTH || !octets.every((octet) => /^(0|[1-9]\d{0,2})$/.test(octet) && Number(octet) <= 255)) return undefined;
  return octets.map(Number);
}

function parseV6(text: string): readonly number[] | undefined {
  const halves = text.split('::');
  if (halves.length > 2) return undefined;
  const [head, tail] = halves.map((half, index) => parseGroups(half, index === halves.length - 1));
  if (head === undefined || (halves.length === 2 && tail === undefined)) return undefined;
  const given = head.length + (tail?.length ?? 0);
  if (tail === undefined) return given === V6_LENGTH ? head : undefined;
  // `::` stands for at least one group.
  return given <= V6_LENGTH - 2 ? [...head, ...new Array<number>(V6_LENGTH - given).fill(0), ...tail] : undefined;
}

function parseGroups(text: string, last: boolean): readonly number[] | undefined {
  if (text === '') return [];
  const bytes: number[] = [];
  const groups = text.split(':');
  for (const [index, group] of groups.entries()) {
    const v4 = last && index === groups.length - 1 ? parseV4(group) : undefined;
    if (v4 !== undefined) bytes.push(...v4);
    else if (/^[0-9a-f]{1,4}$/i.test(group)) bytes.push(Number.parseInt(group, 16) >> 8, Number.parseInt(group, 16) & 0xff);
    else return undefined;
  }
  return bytes;
}

/** Lower case, no leading zeros, and the first longest run of two or more zero groups as `::`. RFC 5952 4. */
function formatV6(bytes: readonly number[]): string {
  const groups = Array.from({ length: V6_GROUPS }, (_, index) => ((bytes[2 * index] ?? 0) << 8) | (bytes[2 * index + 1] ?? 0));
  const run = longestZeros(groups);
  const text = (part: readonly number[]) => part.map((group) => group.toString(16)).join(':');
  return run.length < 2 ? text(groups) : `${text(groups.slice(0, run.start))}::${text(groups.slice(run.start + run.length))}`;
}

function longestZeros(groups: readonly number[]): { readonly start: number; readonly length: number } {
  let best = { start: 0, length: 0 };
  let start = 0;
  for (const [index, group] of groups.entries()) {
    if (group !== 0) start = index + 1;
    else if (index + 1 - start > best.length) best = { start, length: index + 1 - start };
  }
  return best;
}
