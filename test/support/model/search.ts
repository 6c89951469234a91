// All worlds that can be reached, each once, the nearest first; the shortest way to one that must not be; and whether each run comes to an end.
import { judgeEnd, judgeMove } from './invariants.js';
import { type Move, movesOf } from './moves.js';
import { type Tables, Turns } from './turns.js';
import { copyOf, keyOf, type Rules, type World } from './world.js';

export interface Found {
  readonly wrong: string;
  /** The moves that lead there. */
  readonly trace: readonly string[];
}

export interface Explored {
  readonly worlds: number;
  /** In how many of them nothing comes by itself any more. */
  readonly ends: number;
  /** Each wrong once, with its shortest trace. */
  readonly found: readonly Found[];
  /** Not all were visited. */
  readonly cut: boolean;
}

/** How a world was come to, and where its own moves lead. */
interface Visit {
  readonly parent: number;
  readonly move: number;
  readonly own: number[];
}

/** Stops at `limit` worlds. */
export function explore(start: World, rules: Rules, tables: Tables, limit: number): Explored {
  return new Search(start, rules, tables, limit).run();
}

/** The world after these moves. Throws when there is no such move. */
export function played(start: World, rules: Rules, tables: Tables, names: readonly string[]): World {
  let world = start;
  for (const name of names) {
    const moves = movesOf(world, rules);
    const move = moves.find((each) => each.name === name);
    if (move === undefined) throw new Error(`there is no move "${name}", but: ${moves.map((each) => each.name).join('; ')}`);
    world = made(world, move, rules, tables).world;
  }
  return world;
}

class Search {
  readonly #start: World;
  readonly #rules: Rules;
  readonly #tables: Tables;
  readonly #limit: number;
  readonly #numbers: Map<string, number>;
  readonly #visits: Visit[] = [{ parent: -1, move: -1, own: [] }];
  readonly #found = new Map<string, Found>();
  #ends = 0;

  constructor(start: World, rules: Rules, tables: Tables, limit: number) {
    this.#start = start;
    this.#rules = rules;
    this.#tables = tables;
    this.#limit = limit;
    this.#numbers = new Map([[keyOf(start), 0]]);
  }

  run(): Explored {
    let frontier: readonly World[] = [this.#start];
    let at = 0;
    while (frontier.length > 0) {
      const next: World[] = [];
      for (const world of frontier) {
        this.#leave(world, at, next);
        at += 1;
      }
      frontier = next;
    }
    const circle = circleIn(this.#visits);
    if (circle !== undefined) this.#report('it goes on for ever', circle);
    const worlds = this.#visits.length;
    return { worlds, ends: this.#ends, found: [...this.#found.values()], cut: worlds >= this.#limit };
  }

  /** By all its moves; `next` gets the worlds that are new. */
  #leave(world: World, at: number, next: World[]): void {
    const moves = movesOf(world, this.#rules);
    if (!moves.some((move) => move.own)) {
      this.#ends += 1;
      for (const wrong of judgeEnd(world, this.#rules)) this.#report(wrong, at);
    }
    for (const [index, move] of moves.entries()) {
      const { world: after, wrongs } = made(world, move, this.#rules, this.#tables);
      for (const wrong of wrongs) this.#report(wrong, at, move);
      const number = this.#numberOf(after, { parent: at, move: index, own: [] }, next);
      if (move.own && number !== undefined) this.#visits[at]?.own.push(number);
    }
  }

  /** Undefined beyond the limit. */
  #numberOf(world: World, visit: Visit, next: World[]): number | undefined {
    const key = keyOf(world);
    const known = this.#numbers.get(key);
    if (known !== undefined || this.#visits.length >= this.#limit) return known;
    const number = this.#visits.length;
    this.#numbers.set(key, number);
    this.#visits.push(visit);
    next.push(world);
    return number;
  }

  #report(wrong: string, at: number, last?: Move): void {
    if (!this.#found.has(wrong))
      this.#found.set(wrong, { wrong, trace: [...this.#traceTo(at), ...(last === undefined ? [] : [last.name])] });
  }

  #traceTo(at: number): readonly string[] {
    const indices: number[] = [];
    for (let visit = this.#visits[at]; visit !== undefined && visit.parent >= 0; visit = this.#visits[visit.parent])
      indices.unshift(visit.move);
    let world = this.#start;
    return indices.flatMap((index) => {
      const move = movesOf(world, this.#rules)[index];
      if (move === undefined) return [];
      world = made(world, move, this.#rules, this.#tables).world;
      return [move.name];
    });
  }
}

function made(world: World, move: Move, rules: Rules, tables: Tables): { readonly world: World; readonly wrongs: readonly string[] } {
  const copy = copyOf(world);
  const wrongs: string[] = [];
  move.make(copy, (number) => new Turns(copy, number, rules, tables, wrongs));
  return { world: copy, wrongs: [...wrongs, ...judgeMove(world, copy, move, rules)] };
}

/** A world that leads back to itself: every run that nobody interferes with has to come to an end. Takes away who has nobody before him. */
function circleIn(visits: readonly Visit[]): number | undefined {
  const incoming = new Uint32Array(visits.length);
  const enter = (to: number, by: 1 | -1) => {
    incoming[to] = (incoming[to] ?? 0) + by;
    return incoming[to];
  };
  for (const { own } of visits) for (const to of own) enter(to, 1);
  const free = [...incoming.keys()].filter((number) => incoming[number] === 0);
  for (let number = free.pop(); number !== undefined; number = free.pop())
    for (const to of visits[number]?.own ?? []) if (enter(to, -1) === 0) free.push(to);
  const circle = incoming.findIndex((count) => count > 0);
  return circle === -1 ? undefined : circle;
}
