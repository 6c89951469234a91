// A release whose command is no Holdfast of ours: it takes the place of a candidate, and says what it likes.
import { writeFileSync } from 'node:fs';
import type { Releases } from './releases.js';

/** Code that runs in the candidate's place; `channel` is its descriptor's number, `say(message)` writes a frame to it. Returns the release's number. */
export function addStrange(releases: Releases, code: string): number {
  const release = releases.bring(releases.add(), []);
  writeFileSync(releases.startOf(release), `${PREFACE}${code}\n`);
  return release;
}

/** Listeners come first, from 3 on; the channel is behind them. The hand-over is not read: nobody says so much about itself. */
const PREFACE = `
  import { writeSync } from 'node:fs';
  const channel = 3 + process.env.HOLDFAST_FDS.split(';').length;
  const frame = (text) => { const body = Buffer.from(text); const length = Buffer.alloc(4); length.writeUInt32BE(body.length); return Buffer.concat([length, body]); };
  const say = (message) => writeSync(channel, frame(JSON.stringify(message)));
  const hello = { type: 'hello', min: 1, max: 2, pid: process.pid, holdfast: '0.0.0', node: process.version };
  setTimeout(() => {}, 60_000);
`;
