// A cohort whose workers do whatever they may, in a random order that can be repeated, and are then let be.
import { setImmediate } from 'node:timers/promises';
import test from 'ava';
import { Cohort } from '#src/master/cohort.js';
import { Portions } from '#src/master/portions.js';
import type { WorkerListener, WorkerProcess, WorkerState } from '#src/master/worker-process.js';
import { type Chance, chance } from '../../support/random.js';

const WALKS = 1_000;
const STEPS = 60;
const MOST = 4;
const KILLED = { code: null, signal: 'SIGKILL' } as const;

/** As WorkerProcess, with nobody behind it: what a process would do is done by the walk. */
class Fake {
  state: WorkerState = 'booting';
  told = false;
  killed = false;
  drainLimit = 0;
  readonly bootTook = 0;
  acceptingFor = 0;
  readonly #draining: (worker: Fake) => void;

  constructor(
    readonly slot: number,
    readonly listener: WorkerListener,
    draining: (worker: Fake) => void,
  ) {
    this.#draining = draining;
  }

  get serves(): boolean {
    return this.told && (this.state === 'ready' || this.state === 'accepting');
  }

  get itself(): WorkerProcess {
    return this as unknown as WorkerProcess;
  }

  serve(): void {
    this.told = true;
  }

  drain(): void {
    if (this.state === 'gone' || this.state === 'draining') return;
    this.#draining(this);
    this.state = 'draining';
  }

  kill(): void {
    this.killed = true;
  }

  check(): void {}

  // What its process does.

  /** The next thing on its way, if it is not waiting. */
  go(healthy: boolean): void {
    if (this.state === 'draining' || this.killed) return this.die();
    if (this.state === 'booting') {
      this.state = 'ready';
      this.listener.ready(this.itself);
    } else if (this.state === 'ready' && this.told) {
      this.state = 'accepting';
      this.acceptingFor = healthy ? 10_000 : 0;
      this.listener.accepting(this.itself);
    }
  }

  die(): void {
    this.state = 'gone';
    this.listener.end(this.itself, KILLED);
  }

  /** It drains of its own accord. */
  stop(): void {
    if (this.state !== 'ready' && this.state !== 'accepting') return;
    this.state = 'draining';
    this.listener.stopped(this.itself);
  }

  ask(what: 'leaving' | 'spent'): void {
    if (this.state === 'accepting') this.listener[what](this.itself);
  }
}

class World {
  readonly living = new Set<Fake>();
  readonly told = { ready: 0, accepting: 0, failed: 0 };
  readonly faults: string[] = [];
  readonly cohort: Cohort;
  wanted = 0;
  patient = false;
  readonly #chance: Chance;

  constructor(chance: Chance) {
    this.#chance = chance;
    const hire = (slot: number, listener: WorkerListener) => this.#hire(slot, listener);
    this.cohort = new Cohort(new Portions(), hire, () => new Map(), {
      ready: () => this.#tell('ready'),
      accepting: () => this.#tell('accepting'),
      failed: () => this.#tell('failed'),
      spawned: () => {},
      workerReady: () => {},
      workerAccepts: () => {},
      restrained: () => {},
      ended: () => {},
      empty: () => {},
    });
  }

  get accepting(): readonly Fake[] {
    return [...this.living].filter(({ state }) => state === 'accepting');
  }

  resize(wanted: number): void {
    this.wanted = wanted;
    this.cohort.resize(wanted);
  }

  expose(patient: boolean): void {
    this.patient ||= patient;
    this.cohort.expose(patient);
  }

  persist(): void {
    this.patient = true;
    this.cohort.persist();
  }

  /** Anything that may happen. */
  step(): void {
    const { below, pick, next } = this.#chance;
    const worker = this.living.size === 0 ? undefined : pick([...this.living]);
    const what = below(14);
    if (what === 0) this.resize(Math.max(1, Math.min(MOST, this.wanted + pick([1, -1]))));
    else if (what === 1 && this.told.ready > 0) this.expose(pick([true, false]));
    else if (what === 2) this.persist();
    else if (what === 3) this.cohort.tick(Number.POSITIVE_INFINITY);
    else if (what === 4) worker?.stop();
    else if (what === 5) worker?.ask(pick(['leaving', 'spent']));
    else if (what === 6) this.#end(worker);
    else this.#go(worker, next() < 0.7);
  }

  /** Whoever is on his way gets there. */
  async calm(): Promise<void> {
    for (let round = 0; round < 30; round += 1) {
      for (const worker of [...this.living]) this.#go(worker, true);
      for (const worker of this.accepting) worker.acceptingFor = 10_000;
      this.cohort.tick(Number.POSITIVE_INFINITY);
      await setImmediate();
      await setImmediate();
    }
  }

  #tell(what: keyof typeof this.told): void {
    this.told[what] += 1;
    const state = what === 'ready' ? 'ready' : 'accepting';
    const those = new Set([...this.living].filter((each) => each.state === state && each.slot <= this.wanted).map(({ slot }) => slot));
    if (what !== 'failed' && those.size < this.wanted) this.faults.push(`said ${what} too soon`);
  }

  #hire(slot: number, listener: WorkerListener): WorkerProcess {
    if (slot > this.wanted) this.faults.push(`started one in slot ${slot}, ${this.wanted} wanted`);
    const worker = new Fake(slot, listener, (leaves) => this.#drains(leaves));
    this.living.add(worker);
    return worker.itself;
  }

  #drains(leaves: Fake): void {
    if (leaves.state !== 'accepting') return;
    const others = this.accepting.filter((each) => each !== leaves);
    if (others.length < this.wanted && !others.some(({ slot }) => slot === leaves.slot))
      this.faults.push(`drained one of ${others.length + 1}, ${this.wanted} wanted`);
  }

  #go(worker: Fake | undefined, healthy: boolean): void {
    if (worker === undefined) return;
    if (worker.killed || worker.state === 'draining') this.#end(worker);
    else worker.go(healthy);
  }

  #end(worker: Fake | undefined): void {
    if (worker === undefined) return;
    this.living.delete(worker);
    worker.die();
  }
}

async function walk(seed: number): Promise<World> {
  const random = chance(seed);
  const world = new World(random);
  world.resize(random.pick([1, 2, 3, MOST]));
  for (let step = 0; step < STEPS; step += 1) {
    world.step();
    if (random.next() < 0.3) await setImmediate();
  }
  return world;
}

test('whatever its workers do, as many accept as can, nobody is told too soon, and in the end all is as wanted', async (t) => {
  for (let seed = 1; seed <= WALKS; seed += 1) {
    const world = await walk(seed);
    // A failure is somebody else's affair: he kills them all, or has them persist.
    if (!world.patient) world.persist();
    await world.calm();
    if (!world.cohort.exposed) {
      t.true(world.told.ready > 0, `seed ${seed}: loaded, and nobody was told`);
      world.expose(true);
      await world.calm();
    }
    const before = world.told.accepting;
    world.expose(true);
    t.is(world.told.accepting, before + 1, `seed ${seed}: asked whether all accept`);
    t.true(before > 0, `seed ${seed}: all accept, and nobody was told`);
    t.deepEqual(world.faults, [], `seed ${seed}`);
    t.true(world.cohort.settled, `seed ${seed}: settled`);
    t.deepEqual(
      world.accepting.map(({ slot }) => slot).sort(),
      Array.from({ length: world.wanted }, (_, at) => at + 1),
      `seed ${seed}`,
    );
    world.resize(0);
    await world.calm();
    t.true(world.cohort.empty && world.living.size === 0, `seed ${seed}: empty`);
  }
});

test('a substitute that was ready before anybody was to accept does, when it is its turn', (t) => {
  const world = new World(chance(1));
  world.resize(1);
  const [first] = world.living;
  first?.go(true);
  first?.stop();
  world.cohort.tick(Number.POSITIVE_INFINITY);
  const [, substitute] = world.living;
  substitute?.go(true);
  world.expose(false);
  t.true(substitute?.told);
  substitute?.go(true);
  t.deepEqual([world.told.accepting, world.accepting], [1, [substitute]]);
});
