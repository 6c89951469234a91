/**
 * A master's own pidfile, from its start to its end; runs in a master, as incumbent, candidate or retiree.
 * Each holds flock on the inode of its file for life; it is the file's names that change, by rename,
 * so that PATH is never missing, empty or half-written.
 */
import { closeSync, renameSync } from 'node:fs';
import { resolve } from 'node:path';
import { forbidRunning, publish, putCandidate, replaceDead } from './arrival.js';
import { complaining } from './complaints.js';
import { discard, draft, type Held, removeIfDead, removeIfIs, sweep } from './draft.js';
import { forget, type Inode, isAt } from './lookup.js';
import { candidateOf, deadFileOf, isOf, keepAsRetiree, removeCandidate, removeRetiree, retireeOf } from './places.js';
import { breakSection, FIRST_START, HAND_OVER, inSection } from './section.js';

export class Pidfile {
  /** PATH, absolute: what it was relative to may change. */
  readonly path: string;
  #held: Held;
  #released = false;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(path: string, held: Held) {
    this.path = path;
    this.#held = held;
  }

  /**
   * First start: PATH names this process, and what a dead instance left is gone.
   * Throws HoldfastError (exit 1) when a live master holds PATH, PATH.2 or PATH.oldbin, and when PATH cannot be written.
   * Nothing is left behind then.
   */
  static async claim(path: string): Promise<Pidfile> {
    const absolute = resolve(path);
    // Before anything is written: who may not write here should still hear of the master that runs.
    forbidRunning(absolute);
    const held = await publish(absolute, FIRST_START, replaceDead);
    sweep(absolute, held);
    return new Pidfile(absolute, held);
  }

  /** First start, before anything else is done. Throws HoldfastError (exit 1) when a live master holds PATH, PATH.2 or PATH.oldbin. */
  static refuseRunning(path: string): void {
    forbidRunning(resolve(path));
  }

  /** Candidate: PATH.2 names this process. Throws HoldfastError when another live candidate holds it, and when it cannot be written. */
  static async propose(path: string): Promise<Pidfile> {
    const absolute = resolve(path);
    return new Pidfile(absolute, await publish(absolute, HAND_OVER, putCandidate));
  }

  /**
   * Candidate after commit: the predecessor's file becomes PATH.oldbin, ours PATH. Done twice it does nothing.
   * Throws HoldfastError when PATH cannot be written, or is somebody else's who lives; never because of the section, a missing PATH or PATH.2, or a file
   * system without hard links.
   * @param predecessor its pid: what names nobody alive, or nobody at all, is replaced and is no retiree's. Without it whoever PATH names is the predecessor
   */
  rotate(predecessor?: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#released) throw new Error(`${this.path} is released already`);
      await inSection(this.path, HAND_OVER, () => {
        if (this.#owns(this.path)) return;
        if (isOf(this.path, predecessor)) keepAsRetiree(this.path);
        this.#install();
      });
    });
  }

  /**
   * Candidate whose predecessor (pid) died: PATH becomes ours, if it is not already and still names the dead.
   * False when it does not, or somebody alive holds it after a second: then somebody else is in charge, and the candidate must exit.
   */
  succeed(predecessor: number): Promise<boolean> {
    return this.#inTurn(() => this.#replacePartner(predecessor));
  }

  /**
   * Retiree whose successor (pid) died, however far that had come with its rotation: PATH becomes ours again.
   * False when PATH names neither, is missing (the successor stopped as asked), or somebody alive holds it after a second.
   */
  restore(successor: number): Promise<boolean> {
    return this.#inTurn(() => this.#replacePartner(successor));
  }

  /** Incumbent after a roll-back: removes PATH.2 of a candidate that is dead, or is `pid` (which was sent SIGKILL just now). */
  discardCandidate(pid?: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#released) return;
      breakSection(this.path);
      await inSection(this.path, HAND_OVER, () => {
        removeCandidate(this.path, pid);
        sweep(this.path, this.#held);
      });
    });
  }

  /** Incumbent whose retiree (pid) was killed: removes its PATH.oldbin. */
  discardRetiree(pid: number): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#released) return;
      breakSection(this.path);
      await inSection(this.path, HAND_OVER, () => removeRetiree(this.path, pid));
    });
  }

  /**
   * The end: removes our file under whichever of the three names it has, nobody else's, and lets the lock go. Done twice it does nothing.
   * Throws HoldfastError when the system refuses the removal; the lock is free all the same.
   */
  release(): Promise<void> {
    return this.#inTurn(async () => {
      if (this.#released) return;
      this.#released = true;
      try {
        await inSection(this.path, HAND_OVER, () => {
          for (const name of [this.path, candidateOf(this.path), retireeOf(this.path)]) removeIfIs(name, this.#held);
        });
      } finally {
        closeSync(this.#held.fd);
      }
    });
  }

  async #replacePartner(partner: number): Promise<boolean> {
    if (this.#released) return false;
    breakSection(this.path);
    const dead = this.#owns(this.path) ? undefined : await deadFileOf(this.path, partner);
    if (dead === undefined && !this.#owns(this.path)) return false;
    try {
      return await inSection(this.path, HAND_OVER, () => {
        if (dead !== undefined && !isAt(this.path, dead)) return false;
        if (dead !== undefined) this.#install();
        this.#tidy(partner, dead);
        return true;
      });
    } finally {
      if (dead !== undefined) forget(dead);
    }
  }

  /** What the dead partner left half done. A retiree or candidate that lives keeps its file. */
  #tidy(partner: number, dead: Inode | undefined): void {
    const retiree = retireeOf(this.path);
    quietly(() => removeCandidate(this.path, partner));
    quietly(() => removeIfIs(retiree, this.#held));
    // We hold its lock ourselves, so that it would not look dead to us.
    if (dead !== undefined) quietly(() => removeIfIs(retiree, dead));
    quietly(() => removeIfDead(retiree));
    sweep(this.path, this.#held);
  }

  /** Our file becomes PATH, from whichever name it has; when somebody has removed that, anew. */
  #install(): void {
    const name = [candidateOf(this.path), retireeOf(this.path)].find((file) => this.#owns(file));
    if (name === undefined) this.#installAnew();
    else complaining(this.path, () => renameSync(name, this.path));
  }

  #installAnew(): void {
    const file = draft(this.path);
    try {
      complaining(this.path, () => renameSync(file.temporary, this.path));
    } catch (error) {
      discard(file.temporary, file.fd);
      throw error;
    }
    closeSync(this.#held.fd);
    this.#held = file;
  }

  #owns(name: string): boolean {
    return complaining(this.path, () => isAt(name, this.#held));
  }

  /** One operation at a time: a survivor that breaks the section must not break its own. */
  #inTurn<T>(act: () => Promise<T>): Promise<T> {
    const done = this.#turn.then(act);
    this.#turn = done.catch(() => {});
    return done;
  }
}

/** PATH is ours by then: what cannot be tidied up is no failure. */
function quietly(act: () => void): void {
  try {
    act();
  } catch {
    // Not ours to remove.
  }
}
