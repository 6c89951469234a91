import test from 'ava';
import { ResponseParser } from '../../support/load/response-parser.js';

const length = 'HTTP/1.1 200 OK\r\nContent-Length: 5\r\nX-A: 1\r\nX-a: 2\r\n\r\nhello';
const chunked = 'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n3\r\nhel\r\n2;x=y\r\nlo\r\n0\r\nX-T: 1\r\n\r\n';

/** Byte by byte, or all at once. */
function parse(text: string, size = text.length) {
  const parser = new ResponseParser();
  const responses = [];
  for (let at = 0; at < text.length; at += size) responses.push(...parser.push(text.slice(at, at + size)));
  return { parser, responses };
}

for (const size of [1, 7, 10_000]) {
  test(`responses are told apart however their bytes are split: ${size} at a time`, (t) => {
    const { parser, responses } = parse(`HTTP/1.1 100 Continue\r\n\r\n${length}${chunked}${length}HTTP/1.1 204 No Content\r\n\r\n`, size);
    t.deepEqual(
      responses.map(({ status, body }) => [status, body]),
      [
        [200, 'hello'],
        [200, 'hello'],
        [200, 'hello'],
        [204, ''],
      ],
    );
    t.is(responses[0]?.headers.get('x-a'), '1, 2');
    t.false(parser.within);
  });
}

test('the last response of a connection is known by its version, its header or its missing length', (t) => {
  const last = (text: string) => parse(text).responses.map((response) => response.last);
  t.deepEqual(last(length), [false]);
  t.deepEqual(last(length.replace('X-A: 1', 'Connection: x, Close')), [true]);
  t.deepEqual(last(length.replace('1.1', '1.0')), [true]);
  t.deepEqual(last(length.replace('1.1', '1.0').replace('X-A: 1', 'Connection: keep-alive')), [false]);
});

test('a body without a length ends with the connection', (t) => {
  const { parser, responses } = parse('HTTP/1.1 200 OK\r\n\r\nhello');
  t.deepEqual(responses, []);
  t.like(parser.end(), { body: 'hello', last: true });
});

test('a response that is cut is not whole at the end', (t) => {
  for (const text of [length, chunked]) {
    for (let cut = 1; cut < text.length; cut += 1) {
      const { parser, responses } = parse(text.slice(0, cut));
      t.deepEqual([responses, parser.end(), parser.within], [[], undefined, true], text.slice(0, cut));
    }
  }
});

test('what is no HTTP is refused', (t) => {
  t.throws(() => parse('SSH-2.0-OpenSSH'));
  t.throws(() => parse('HTTP/1.1 OK\r\n\r\n'));
  t.throws(() => parse('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nx\r\n'));
  t.throws(() => parse('HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1\r\nhello\r\n'));
  t.throws(() => parse('HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n'));
});
