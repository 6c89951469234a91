/** What Node answers to what is no request. Pure. */

/** As http does itself where the app does not listen to 'clientError'. */
const STATUSES: ReadonlyMap<string, number> = new Map([
  ['HPE_HEADER_OVERFLOW', 431],
  ['HPE_CHUNK_EXTENSIONS_OVERFLOW', 413],
  ['ERR_HTTP_REQUEST_TIMEOUT', 408],
]);

/** Undefined for what the connection suffered, and not the client's words. */
export function refusalStatus(error: unknown): number | undefined {
  const code = error instanceof Error && 'code' in error ? String(error.code) : '';
  return STATUSES.get(code) ?? (code.startsWith('HPE_') ? 400 : undefined);
}
