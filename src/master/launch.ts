/** The first step of an upgrade (master): the next master is started, as this one was. */
import { type Handover, SPOKEN } from '../channel/master-messages.js';
import { encodeListeners } from '../listeners/index.js';
import { assureDescriptors } from '../sys/descriptor-limit.js';
import type { Generation } from './generation.js';
import { Successor, type SuccessorListener } from './successor.js';

/** The lease and the succession of the next generation, its channel, a file for its last words, and what a spawn takes for itself. */
const DESCRIPTORS = 16;

/** Throws when the system refuses to start it. */
export function launch({ origin, listeners }: Generation, listener: SuccessorListener): Successor {
  assureDescriptors(DESCRIPTORS);
  const { command, base, lease, succession, keeper, settings } = origin;
  const all = listeners?.lasting ?? [];
  const handover: Handover = {
    type: 'handover',
    ...SPOKEN,
    generation: origin.generation + 1,
    base,
    directory: command.directory,
    deadline: settings.upgradeTimeout * 1000,
    keeper: keeper !== undefined,
  };
  return new Successor(
    {
      ...command,
      encodedListeners: encodeListeners(all),
      listeners: all.map((listener) => listener.fd),
      handover,
      lease: lease.writing,
      succession,
      keeper: keeper?.fd,
    },
    listener,
  );
}
