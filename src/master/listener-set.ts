/** The listeners of one generation (master): adopted, bound, listened on, handed on, let go. The master never accepts. */
import type { BoundFile } from '../channel/master-messages.js';
import { messageOf } from '../errors.js';
import {
  type Address,
  accessLackedBy,
  allowBeside,
  bindAll,
  closeListener,
  formatAddress,
  isListening,
  type Listener,
  listen,
  listenAgain,
  matchListeners,
  parseBind,
  queueLength,
  removeSocketFile,
  renewListener,
  resolveBinds,
} from '../listeners/index.js';
import type { Log } from '../log/log.js';
import type { Identity } from '../privileges/index.js';
import type { Settings } from '../settings/index.js';
import { isShut } from '../sys/sockets.js';
import { boundAgain } from './bound-again.js';
import { type Deal, deal, type Layout } from './deal.js';
import { type Heirs, publish, reclaimed } from './heirs.js';
import { byAddress, divides, isTcp, lacking, layoutOf, sayShared, socketsEach, withOthers } from './own-sockets.js';
import { QUEUE_LIMIT, untilEmpty } from './until-empty.js';

export class ListenerSet {
  #adopted: readonly Listener[];
  #bound: readonly Listener[];
  /**
   * Bound beside adopted ones. They listen when nobody may return without them any more: from then on they have their share of the connections.
   * Adopted ones may be in that state, too, when the generation before is not alone yet.
   */
  #fresh: readonly Listener[];
  /** Replaced, but who waits there is yet to be served. Behind all others, for the workers know those by their positions. */
  #outlived: readonly Listener[];
  /** Whether each worker has sockets of its own. */
  readonly #divided: boolean;
  readonly #wanted: readonly Address[];
  /** Nobody accepts on what does not listen: that would make it listen. */
  #layout: Layout = { shared: [], groups: [] };
  #open = true;
  /** Given up since this generation is no longer in charge. */
  #dropped: readonly Listener[] = [];

  /** `workers`: whom they become. Throws HoldfastError: in use, not permitted, nonsense. */
  static async settle(
    settings: Settings,
    base: string,
    inherited: readonly Listener[],
    log: Log,
    workers?: Identity,
  ): Promise<ListenerSet> {
    const wanted = givenTo(workers, await resolveBinds(settings.bind.map(parseBind), base));
    const match = matchListeners(inherited, wanted);
    const { listeners, warnings } = await bindAll(match.bind, match.overlaps);
    const outlived = match.drop.filter(
      (listener) => wanted.some((address) => formatAddress(address) === listener.address) && isAwaited(listener),
    );
    for (const listener of match.drop) if (!outlived.includes(listener)) closeListener(listener);
    for (const warning of warnings) log.warning(null, warning);
    sayKept(match.adopt, wanted, log);
    if (!divides(settings.reusePort, log)) {
      sayShared(match.adopt, log);
      return new ListenerSet(match.adopt, listeners, [], outlived, false, wanted);
    }
    const each = socketsEach(settings.workers, wanted.length);
    return new ListenerSet(match.adopt, withOthers(listeners, each, log), lacking(match.adopt, each, log), outlived, true, wanted);
  }

  private constructor(
    adopted: readonly Listener[],
    bound: readonly Listener[],
    fresh: readonly Listener[],
    outlived: readonly Listener[],
    divided: boolean,
    wanted: readonly Address[],
  ) {
    this.#adopted = adopted;
    this.#bound = bound;
    this.#fresh = fresh;
    this.#outlived = outlived;
    this.#divided = divided;
    this.#wanted = wanted;
  }

  get all(): readonly Listener[] {
    return [...this.lasting, ...this.#outlived];
  }

  /** But for those that were replaced: to the next generation they would look like the ones that have their paths now. */
  get lasting(): readonly Listener[] {
    return [...this.#adopted, ...this.#bound, ...this.#fresh];
  }

  /** Who accepts where: for each of these slots the positions of its listeners. */
  deal(slots: readonly number[]): Deal {
    return deal(this.#layout, slots);
  }

  /** Take into account what listens by now. */
  refresh(): void {
    if (!this.#open) return;
    this.#layout = layoutOf(this.all, this.#divided);
  }

  get positions(): readonly number[] {
    return this.all.map((_, position) => position);
  }

  /** Of those that this generation has bound. */
  get newPositions(): readonly number[] {
    return this.#bound.map((_, position) => this.#adopted.length + position);
  }

  get adopted(): readonly Listener[] {
    return this.#adopted;
  }

  get bound(): readonly Listener[] {
    return this.#bound;
  }

  /** The files of unix sockets that this generation has bound. */
  get newFiles(): readonly BoundFile[] {
    return this.#bound.flatMap(({ address, socketFile }) =>
      socketFile?.draft === undefined ? [] : [{ path: address.slice('unix:'.length), ...socketFile, draft: socketFile.draft }],
    );
  }

  /** From now on connections to the new addresses are queued. Throws HoldfastError. */
  listen(backlog: number): void {
    for (const listener of this.#bound) listen(listener, backlog);
    this.revive(backlog);
  }

  /**
   * Any worker can shut a socket down for all (shutdown(2)), which is over when it listens again. One of several for an address may have its
   * reasons not to listen. Throws HoldfastError, when all others listen: somebody else has taken an address meanwhile.
   */
  revive(backlog: number): void {
    const failures: unknown[] = [];
    for (const those of byAddress(this.all).values()) {
      try {
        if (!those.some(isListening)) for (const listener of those) listenAgain(listener, backlog);
      } catch (error) {
        failures.push(error);
      }
    }
    this.refresh();
    if (failures.length > 0) throw failures[0];
  }

  /**
   * No other generation may return any more: from now on the kernel divides the connections between all sockets, and the next generation
   * may add to those that were bound without --reuse-port. True when some did not listen before. Throws HoldfastError.
   */
  complete(backlog: number): boolean {
    if (!this.#open || !this.#divided) return false;
    for (const listener of this.#adopted) if (isTcp(listener)) allowBeside(listener);
    const silent = this.all.filter((listener) => !isListening(listener));
    for (const listener of silent) listen(listener, backlog);
    return silent.length > 0;
  }

  /** Resolves when nothing waits on the listeners at these positions, or after a second. */
  async emptied(positions: readonly number[]): Promise<void> {
    const waiting = positions.flatMap((position) => this.all[position] ?? []);
    await untilEmpty(waiting, QUEUE_LIMIT, () => this.#open);
  }

  /** It has not been closed. */
  get open(): boolean {
    return this.#open;
  }

  /** Another socket in the place of one whose path was removed, undefined where it was not. Throws HoldfastError. */
  renew(old: Listener, backlog: number): Listener | undefined {
    const fresh = renewListener(old, this.#asked(old), backlog);
    if (fresh !== undefined) this.replace(old, fresh);
    return fresh;
  }

  /** At the same position. */
  replace(old: Listener, fresh: Listener): void {
    const swap = (listener: Listener) => (listener === old ? fresh : listener);
    this.#adopted = this.#adopted.map(swap);
    this.#bound = this.#bound.map(swap);
    this.#outlived = this.#outlived.filter((listener) => listener !== fresh);
    this.refresh();
  }

  /** Have one that was replaced served until `letGo`. */
  keep(old: Listener): void {
    this.#outlived = [...this.#outlived, old];
    this.refresh();
  }

  /** Close one that was replaced, kept or not. */
  letGo(old: Listener): void {
    // Or all were closed, and this one with them.
    if (this.#open || !this.#outlived.includes(old)) closeListener(old);
    this.#outlived = this.#outlived.filter((listener) => listener !== old);
    this.refresh();
  }

  /** Give some of them up for good. */
  drop(positions: readonly number[]): void {
    if (!this.#open) return;
    const dropped = new Set(positions.flatMap((position) => this.all[position] ?? []));
    for (const listener of dropped) closeListener(listener);
    this.#dropped = [...this.#dropped, ...this.lasting.filter((listener) => dropped.has(listener))];
    this.#adopted = this.#adopted.filter((listener) => !dropped.has(listener));
    this.#bound = this.#bound.filter((listener) => !dropped.has(listener));
    this.#fresh = this.#fresh.filter((listener) => !dropped.has(listener));
    this.#outlived = this.#outlived.filter((listener) => !dropped.has(listener));
    this.refresh();
  }

  /** In charge again, for whom they were given up is dead: they listen once more. What somebody else has by now is a warning. */
  regain(heirs: Heirs): void {
    if (!this.#open) return;
    for (const held of this.all) this.#reclaim(held, heirs);
    for (const those of byAddress(this.#dropped).values())
      this.#bound = [...this.#bound, ...boundAgain(those, (listener) => this.#asked(listener), heirs)];
    this.#dropped = [];
    this.refresh();
  }

  /** It was to be given up when nobody waits there any more, and its path is somebody else's already. */
  #reclaim(held: Listener, heirs: Heirs): void {
    try {
      const fresh = reclaimed(held, this.#asked(held), heirs);
      if (fresh === undefined) return;
      this.replace(held, fresh);
      this.keep(held);
    } catch (error) {
      heirs.log.warning(null, messageOf(error));
    }
  }

  /** Our workers accept: what waited for that is to be found from now on. */
  reclaim(backlog: number, log: Log): void {
    for (const [waiting, published] of publish(this.lasting, backlog, log)) this.replace(waiting, published);
  }

  /** Some were replaced, and the workers from before have nothing else. */
  get outdated(): boolean {
    return this.#outlived.length > 0;
  }

  /** Resolves when nobody waits on those that were replaced, or after so many milliseconds; they are closed. */
  async outlive(patience: number): Promise<void> {
    const outlived = this.#outlived;
    await untilEmpty(outlived, patience, () => this.#open);
    for (const listener of outlived) if (this.#outlived.includes(listener)) this.letGo(listener);
  }

  #asked(listener: Listener): Address | undefined {
    return this.#wanted.find((address) => formatAddress(address) === listener.address);
  }

  /** Give the descriptors up; whoever else holds them goes on. */
  close(): void {
    if (!this.#open) return;
    this.#open = false;
    for (const listener of this.all) closeListener(listener);
  }

  /** Remove the unix sockets' files at these positions, as far as they are still ours. */
  removeFiles(positions: readonly number[]): void {
    for (const position of positions) {
      const listener = this.all[position];
      if (listener !== undefined) removeSocketFile(listener);
    }
  }
}

/** Nobody can find it any more, but somebody had: the workers of the generation before may have been drained before they came to him. */
function isAwaited(listener: Listener): boolean {
  return /^unix:\//.test(listener.address) && listener.socketFile === undefined && !isShut(listener.fd) && queueLength(listener) > 0;
}

/** The file of a unix socket stays as it is, whatever mode and owner the new settings have for it. */
function sayKept(adopted: readonly Listener[], wanted: readonly Address[], log: Log): void {
  for (const address of wanted.filter((each) => adopted.some((listener) => listener.address === formatAddress(each)))) {
    const lacked = accessLackedBy(address);
    if (lacked.length > 0)
      log.warning(
        null,
        `${formatAddress(address)} keeps the mode and the owner of its file, which are others than asked for: ${lacked.join('; ')}`,
      );
  }
}

/** Workers that may not, and clients of theirs, would not be let in by what only root may write. */
function givenTo(workers: Identity | undefined, addresses: readonly Address[]): readonly Address[] {
  if (workers === undefined) return addresses;
  const access = { user: String(workers.uid), group: String(workers.gid) };
  return addresses.map((address) => (address.is === 'unix' ? { ...address, access: { ...access, ...address.access } } : address));
}
