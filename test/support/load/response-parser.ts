// HTTP/1.1 responses out of bytes (RFC 9112): as little as a client needs that must not hide anything.

export interface Response {
  readonly status: number;
  /** Names in lower case; a repeated one is joined by commas. */
  readonly headers: ReadonlyMap<string, string>;
  readonly body: string;
  /** Nothing more may be sent on the connection: it said `Connection: close`, is HTTP/1.0, or its end was the body's end. */
  readonly last: boolean;
}

interface Head {
  readonly status: number;
  readonly headers: ReadonlyMap<string, string>;
  readonly last: boolean;
}

type Framing = { readonly by: 'length'; readonly length: number } | { readonly by: 'chunks' } | { readonly by: 'close' };

type State =
  | { readonly at: 'head' }
  | { readonly at: 'body'; readonly head: Head; readonly framing: Framing }
  | { readonly at: 'trailer'; readonly head: Head };

const CRLF = '\r\n';

export class ResponseParser {
  #state: State = { at: 'head' };
  // Latin-1 text: one character is one byte, and searching is cheap.
  #rest = '';
  #body = '';

  /**
   * Takes in bytes (as latin-1 text) and gives the responses that are now whole; 1xx ones are left out.
   * @throws Error for what is no HTTP
   */
  push(text: string): Response[] {
    this.#rest += text;
    const whole: Response[] = [];
    for (;;) {
      const step = this.#step();
      if (step === 'more') return whole;
      if (step !== 'on') whole.push(step);
    }
  }

  /** The connection has ended: the response whose body that ends, if there is one. */
  end(): Response | undefined {
    if (this.#state.at !== 'body' || this.#state.framing.by !== 'close') return undefined;
    return this.#finish(this.#state.head);
  }

  /** Whether part of a response has come. */
  get within(): boolean {
    return this.#state.at !== 'head' || this.#rest !== '';
  }

  #step(): Response | 'on' | 'more' {
    switch (this.#state.at) {
      case 'head':
        return this.#takeHead();
      case 'body':
        return this.#takeBody(this.#state.head, this.#state.framing);
      case 'trailer':
        return this.#takeTrailer(this.#state.head);
    }
  }

  #takeHead(): 'on' | 'more' {
    const end = this.#rest.indexOf(CRLF + CRLF);
    if (end < 0) {
      if (!'HTTP/1.'.startsWith(this.#rest.slice(0, 7))) throw new Error(`no HTTP: ${JSON.stringify(this.#rest.slice(0, 60))}`);
      return 'more';
    }
    const head = readHead(this.#rest.slice(0, end));
    this.#rest = this.#rest.slice(end + 4);
    if (head.status >= 200) this.#state = { at: 'body', head, framing: framingOf(head) };
    return 'on';
  }

  #takeBody(head: Head, framing: Framing): Response | 'on' | 'more' {
    if (framing.by === 'chunks') return this.#takeChunk(head);
    const wanted = framing.by === 'close' ? Number.POSITIVE_INFINITY : framing.length - this.#body.length;
    this.#body += this.#rest.slice(0, wanted);
    this.#rest = this.#rest.slice(wanted);
    return framing.by === 'length' && this.#body.length === framing.length ? this.#finish(head) : 'more';
  }

  #takeChunk(head: Head): 'on' | 'more' {
    const end = this.#rest.indexOf(CRLF);
    if (end < 0) return 'more';
    const line = this.#rest.slice(0, end);
    if (!/^[0-9a-f]+(\s*;.*)?$/i.test(line)) throw new Error(`no chunk size: ${JSON.stringify(line.slice(0, 60))}`);
    const size = Number.parseInt(line, 16);
    const start = end + 2;
    if (size === 0) {
      this.#rest = this.#rest.slice(start);
      this.#state = { at: 'trailer', head };
      return 'on';
    }
    if (this.#rest.length < start + size + 2) return 'more';
    this.#body += this.#rest.slice(start, start + size);
    if (this.#rest.slice(start + size, start + size + 2) !== CRLF) throw new Error('a chunk longer than it said');
    this.#rest = this.#rest.slice(start + size + 2);
    return 'on';
  }

  #takeTrailer(head: Head): Response | 'on' | 'more' {
    const end = this.#rest.indexOf(CRLF);
    if (end < 0) return 'more';
    this.#rest = this.#rest.slice(end + 2);
    return end === 0 ? this.#finish(head) : 'on';
  }

  #finish(head: Head): Response {
    const closedBy = this.#state.at === 'body' && this.#state.framing.by === 'close';
    const response = { status: head.status, headers: head.headers, body: this.#body, last: head.last || closedBy };
    this.#body = '';
    this.#state = { at: 'head' };
    return response;
  }
}

function readHead(text: string): Head {
  const [first = '', ...lines] = text.split(CRLF);
  const match = /^HTTP\/1\.([01]) (\d{3})( |$)/.exec(first);
  if (match === null) throw new Error(`no status line: ${JSON.stringify(first.slice(0, 60))}`);
  const headers = new Map<string, string>();
  for (const line of lines) {
    const colon = line.indexOf(':');
    if (colon < 1) throw new Error(`no header: ${JSON.stringify(line.slice(0, 60))}`);
    const name = line.slice(0, colon).toLowerCase();
    const value = line.slice(colon + 1).trim();
    headers.set(name, headers.has(name) ? `${headers.get(name)}, ${value}` : value);
  }
  const options = (headers.get('connection') ?? '').toLowerCase().split(/\s*,\s*/);
  const last = options.includes('close') || (match[1] === '0' && !options.includes('keep-alive'));
  return { status: Number(match[2]), headers, last };
}

function framingOf({ status, headers }: Head): Framing {
  if (status === 204 || status === 304) return { by: 'length', length: 0 };
  if (headers.get('transfer-encoding')?.toLowerCase() === 'chunked') return { by: 'chunks' };
  const length = headers.get('content-length');
  if (length === undefined) return { by: 'close' };
  if (!/^\d+$/.test(length)) throw new Error(`no content-length: ${length}`);
  return { by: 'length', length: Number(length) };
}
