/**
 * Hand-over format 1 and message version 1, written down once more and never changed: a release that broke either would agree with itself and
 * with nobody else. Plays the incumbent; `fixtures/foreign-candidate.mjs` plays the candidate.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { closeSync, openSync, readFileSync, writeFileSync } from 'node:fs';
import type { Socket } from 'node:net';
import { join } from 'node:path';
import { createLease, createSuccession } from '#src/channel/lease.js';
import { type Exit, endOf } from './launch.js';
import { killMarked, MARK, type MarkedProcess, processesMarked } from './marked.js';
import { fixture, holdfastCommand } from './paths.js';
import { type Test, tempDir } from './temp.js';
import { waitFor } from './wait.js';

export interface Message {
  readonly type: string;
  readonly [field: string]: unknown;
}

export interface Candidate {
  readonly dir: string;
  readonly pidfile: string;
  /** A frame: its length as 32 bits, big-endian, and JSON. */
  send(message: Message): void;
  /** The first message of this type, once it has come. */
  says(type: string): Promise<Message>;
  /** Everything that it said. */
  readonly heard: readonly Message[];
  /** Its last words. */
  readonly stderr: string;
  readonly exit: Promise<Exit>;
  /** No farewell: only the end of the channel, as when the incumbent is killed. */
  hangUp(): void;
  processes(): MarkedProcess[];
}

export const handover: Message = {
  type: 'handover',
  min: 1,
  max: 1,
  generation: 2,
  base: '/',
  deadline: 20_000,
  keeper: false,
};

/** A candidate of this release, below an incumbent that has no listeners and says what the test says. */
export function startCandidate(t: Test, format = '1'): Candidate {
  const dir = tempDir(t);
  const pidfile = join(dir, 'pid');
  const mark = `protocol-1-${Math.random()}`;
  writeFileSync(pidfile, `${process.pid}\n`);
  const child = spawnCandidate(dir, mark, format, ['-b', '127.0.0.1:0', '-p', pidfile]);
  const channel = child.stdio[3] as unknown as Socket;
  const heard: Message[] = [];
  // It may be gone before it has read anything.
  channel.on('error', () => {});
  hear(channel, heard);
  const exit = endOf(child);
  t.teardown(async () => {
    killMarked(mark);
    await exit;
  });
  const stderr = () => readFileSync(join(dir, 'words'), 'utf8');
  const said = (type: string) => heard.find((message) => message.type === type);
  return {
    dir,
    pidfile,
    heard,
    exit,
    send: (message) => void channel.write(frame(message)),
    says: (type) =>
      waitFor(
        () => said(type),
        20_000,
        () => `"${type}"; heard ${JSON.stringify(heard)}, stderr: ${stderr()}`,
      ),
    get stderr() {
      return stderr();
    },
    hangUp: () => void channel.destroy(),
    processes: () => processesMarked(mark),
  };
}

/** From 3 on, behind no listeners: the channel, its lease (both ends), ours, the right to succeed us, the right to succeed it, stderr. */
function spawnCandidate(dir: string, mark: string, format: string, args: readonly string[]): ChildProcess {
  const [its, ours, toSucceedUs, toSucceedIt] = [createLease(), createLease(), createSuccession(), createSuccession()];
  const [out, words] = ['stdout', 'words'].map((name) => openSync(join(dir, name), 'a')) as [number, number];
  const env = { PATH: process.env['PATH'], PWD: dir, [MARK]: mark };
  const child = spawn(process.execPath, [holdfastCommand, ...args, fixture('hello.js')], {
    cwd: dir,
    detached: true,
    env: { ...env, HOLDFAST_HANDOVER: format, HOLDFAST_FDS: '', HOLDFAST_PREDECESSOR: String(process.pid) },
    stdio: ['ignore', out, words, 'pipe', its.reading, its.writing, ours.writing, toSucceedUs, toSucceedIt, words],
  });
  for (const fd of [out, words, its.reading, its.writing, ours.reading, ours.writing, toSucceedUs, toSucceedIt]) closeSync(fd);
  return child;
}

function frame(message: Message): Buffer {
  const body = Buffer.from(JSON.stringify(message));
  const length = Buffer.alloc(4);
  length.writeUInt32BE(body.length);
  return Buffer.concat([length, body]);
}

function hear(channel: Socket, heard: Message[]): void {
  let rest = Buffer.alloc(0);
  channel.on('data', (chunk: Buffer) => {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 4 && rest.length >= 4 + rest.readUInt32BE()) {
      const end = 4 + rest.readUInt32BE();
      heard.push(JSON.parse(rest.toString('utf8', 4, end)) as Message);
      rest = rest.subarray(end);
    }
  });
}
