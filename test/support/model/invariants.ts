// What must hold in the small world: UPGRADE, "Invariants", and the table of "Backing out".
import type { Move } from './moves.js';
import { accepts, crewsOf, isEmpty, isRisen, leaseHeld, type Master, NONE, type Rules, type World } from './world.js';

/** What is wrong after a move. */
export function judgeMove(before: World, world: World, move: Move, rules: Rules): string[] {
  const wrongs: string[] = [];
  if (twoInCharge(world)) wrongs.push('two masters are in charge');
  if (!rules.manual && !world.masters.every((master) => master.committed || !accepts(master) || masterless(world, master)))
    wrongs.push('a candidate accepts before commit');
  const excused = move.fault === true || world.ends !== NONE || world.masters.some(isExcused);
  if (!excused && serves(before) && !serves(world) && world.masters.some((master) => mayServe(master, world)))
    wrongs.push('nobody accepts any more');
  return wrongs;
}

/** Somebody accepts, and not only until he sees that nobody holds his lease. */
function serves(world: World): boolean {
  return world.masters.some((master, number) => accepts(master) && leaseHeld(world, number));
}

/** It was told to serve nobody, or its workers died. */
function isExcused(master: Master): boolean {
  return master.winched || crewsOf(master).some(({ hurt }) => hurt);
}

/** Its incumbent is dead, or it is the first. */
function masterless({ masters }: World, { before }: Master): boolean {
  return masters[before]?.alive !== true;
}

/** Both believe so, and no word that changes it is on its way: that the other one serves, or is dead. */
function twoInCharge({ masters, links }: World): boolean {
  const inCharge = masters.filter((master) => master.alive && master.inCharge && master.departure === 'none');
  return inCharge.slice(0, -1).some(({ incumbency, after }) => {
    const successor = masters[after];
    const told = links[after]?.up.includes('serving') === true || successor?.alive === false || successor?.beforeOpen === false;
    return incumbency.is !== 'committing' || !told;
  });
}

/** Somebody who has left, is told to, or has given its word serves nobody. */
function mayServe(master: Master, { masters, succession }: World): boolean {
  if (!master.alive) return false;
  if (isRisen(master)) return !['released', 'stopping', 'left'].includes(master.incumbency.is);
  // Whoever asks for it first may succeed, and that was somebody else.
  if (masters[master.before]?.alive === false && !master.inCharge && succession[master.before] === false) return false;
  return master.hailed && !['leaving', 'failing'].includes(master.candidacy.is);
}

/** What is wrong where nothing comes by itself any more. */
export function judgeEnd(world: World, rules: Rules): string[] {
  const alive = world.masters.flatMap((master, number) => (master.alive ? [number] : []));
  const names = alive.map((number) => nameOf(world.masters[number]));
  const wrongs = [...judgeWho(names), ...judgeWorkers(world), ...judgeOrders(world, alive)];
  if (rules.pidfile) wrongs.push(...judgePidfile(world, alive));
  return wrongs;
}

function nameOf(master: Master | undefined): string {
  if (master === undefined) return '';
  return isRisen(master) ? master.incumbency.is : master.candidacy.is;
}

function judgeWho(names: readonly string[]): string[] {
  const whole = ['', 'serving', 'deciding beside'].includes(names.join(' '));
  return whole ? [] : [`it ends with: ${names.join(', ')}`];
}

function judgeWorkers(world: World): string[] {
  const wrongs: string[] = [];
  const [master] = world.masters.filter((each) => each.alive);
  if (master !== undefined && !master.winched && !world.masters.some(accepts)) wrongs.push('a master lives, and nobody accepts');
  if (world.masters.some((each, number) => !each.alive && !leaseHeld(world, number) && !isEmpty(each))) wrongs.push('workers are orphans');
  if (world.masters.some((each) => !each.alive && accepts(each))) wrongs.push('workers of a dead master accept for ever');
  return wrongs;
}

function judgeOrders(world: World, alive: readonly number[]): string[] {
  const wrongs: string[] = [];
  if (world.ends >= 0 && alive.length > 0) wrongs.push('somebody was told to stop, and it goes on');
  if (world.masters.some(({ alive, owes, incumbency }) => alive && owes && incumbency.is !== 'deciding')) wrongs.push('a HUP is forgotten');
  if (alive.length === 0 && world.ends === NONE && !world.killed && world.masters.some(({ committed }) => committed))
    wrongs.push('nobody was told to stop, and nobody is left');
  const untouched = !world.winched && !world.faulty && !world.killed;
  if (untouched && world.masters.some((master) => master.alive && master.starts > 1)) wrongs.push('workers were started again for nothing');
  return wrongs;
}

function judgePidfile(world: World, alive: readonly number[]): string[] {
  const wrongs: string[] = [];
  const [first = NONE, second = NONE] = alive;
  if (world.path !== first && (first !== NONE || !world.killed)) wrongs.push('the pidfile names nobody who lives');
  const candidate = world.masters[world.candidate];
  // Of one that was killed when its incumbent was dead: the next candidate, which finds nobody at its lock, replaces it.
  const left = candidate?.alive === false && world.masters[candidate.before]?.alive === false && world.killed;
  if (first !== NONE && world.candidate !== second && !left) wrongs.push("a candidate's pidfile is left");
  if (first !== NONE && world.oldbin !== NONE) wrongs.push("a retiree's pidfile is left");
  return wrongs;
}
