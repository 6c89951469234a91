// The names of the pidfile in the small world: pidfile/pidfile.ts. Each operation is one step there, in its section; and here.
import { isLocked, NONE, type World } from './world.js';

/** False when the pidfile names somebody else who lives: it throws then. */
export function rotate(world: World, number: number, before: number): boolean {
  if (world.path === number) return true;
  if (world.path === before) world.oldbin = before;
  else if (world.path !== NONE && isLocked(world, world.path)) return false;
  install(world, number);
  return true;
}

/** `succeed` and `restore`. */
export function replacePartner(world: World, number: number, partner: number): boolean {
  if (world.path !== number) {
    if (world.path === NONE || world.path !== partner || isLocked(world, partner)) return false;
    install(world, number);
  }
  if (world.candidate === partner || !isLocked(world, world.candidate)) world.candidate = NONE;
  if (world.oldbin === number || !isLocked(world, world.oldbin)) world.oldbin = NONE;
  return true;
}

/** Generation#takePidfile: who won the right to succeed is in charge, if nobody else stands in the pidfile. */
export function takePidfile(world: World, number: number, partner: number): boolean {
  return replacePartner(world, number, partner) || world.path === NONE;
}

export function discardCandidate(world: World, candidate: number): void {
  if (world.candidate === candidate || !isLocked(world, world.candidate)) world.candidate = NONE;
}

export function discardRetiree(world: World, retiree: number): void {
  if (world.oldbin === retiree || !isLocked(world, world.oldbin)) world.oldbin = NONE;
}

/** `release`. */
export function giveUpPidfile(world: World, number: number): void {
  const master = world.masters[number];
  if (master !== undefined) master.unlocked = true;
  if (world.path === number) world.path = NONE;
  if (world.candidate === number) world.candidate = NONE;
  if (world.oldbin === number) world.oldbin = NONE;
}

function install(world: World, number: number): void {
  if (world.candidate === number) world.candidate = NONE;
  if (world.oldbin === number) world.oldbin = NONE;
  world.path = number;
}
