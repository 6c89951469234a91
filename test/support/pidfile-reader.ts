// Runs in a process of its own, started by pidfile-watch: reads the pidfile argv[2] in a tight loop and keeps count.
import { readFileSync } from 'node:fs';
import type { PidfileReport } from './pidfile-watch.js';
import { isAlive, ofProcess } from './proc.js';

const BURST_MS = 2;
const REST_MS = 2;

const path = process.argv[2] ?? '';
const counts = { reads: 0, missing: 0, empty: 0, malformed: 0 };
const samples: string[] = [];
const pids: number[] = [];
const dead: { pid: number; ms: number }[] = [];
let deadSince: { pid: number; at: number } | undefined;

const contents = () => ofProcess(() => readFileSync(path, 'utf8'));

function readOnce(): void {
  counts.reads += 1;
  const text = contents();
  if (text === undefined) counts.missing += 1;
  else if (text === '') counts.empty += 1;
  else if (/^[1-9]\d*\n$/.test(text)) judge(Number(text), text);
  else {
    counts.malformed += 1;
    if (samples.length < 5) samples.push(text);
  }
}

function judge(pid: number, text: string): void {
  if (pids.at(-1) !== pid) pids.push(pid);
  // Read again after the look: a master may rotate the file and leave between the two.
  const isDead = !isAlive(pid) && contents() === text;
  if (deadSince !== undefined && (!isDead || deadSince.pid !== pid)) endOfDeath();
  if (isDead) deadSince ??= { pid, at: performance.now() };
}

function endOfDeath(): void {
  if (deadSince !== undefined) dead.push({ pid: deadSince.pid, ms: performance.now() - deadSince.at });
  deadSince = undefined;
}

function burst(): void {
  const end = performance.now() + BURST_MS;
  do readOnce();
  while (performance.now() < end);
  setTimeout(burst, REST_MS);
}

function send(last: boolean): void {
  if (last) endOfDeath();
  const open = deadSince === undefined ? [] : [{ pid: deadSince.pid, ms: performance.now() - deadSince.at }];
  const report: PidfileReport = { ...counts, samples, dead: [...dead, ...open], pids };
  process.send?.(report, () => last && process.exit());
}

process.on('message', (question) => send(question === 'stop'));
process.on('disconnect', () => process.exit());
readOnce();
send(false);
burst();
