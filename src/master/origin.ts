/** Where a master comes from: from nobody, or from the one before (master). */
import type { Lease } from '../channel/lease.js';
import type { Daemon } from '../daemon/index.js';
import type { Listener } from '../listeners/index.js';
import type { Log } from '../log/log.js';
import type { Identity } from '../privileges/index.js';
import type { Settings } from '../settings/index.js';
import type { Command } from './command.js';
import type { Forerunners } from './forerunners.js';
import type { KeeperLink } from './keeper-link.js';
import type { Predecessor } from './predecessor.js';

export interface Origin {
  readonly command: Command;
  readonly settings: Settings;
  /** Whom its workers become. */
  readonly identity: Identity | undefined;
  /** The physical directory that relative run-time paths are resolved against, for all generations. */
  readonly base: string;
  readonly generation: number;
  readonly log: Log;
  /** What the process titles and the log call the app. */
  readonly name: string;
  readonly lease: Lease;
  /** The right to succeed this master: a descriptor. */
  readonly succession: number;
  readonly keeper: KeeperLink | undefined;
  /** The command that waits for a first generation that is a daemon. */
  readonly launcher: Daemon | undefined;
  /** Of its workers, those whose Node was started before anything else. */
  readonly forerunners: Forerunners | undefined;
  /** Says what an operator should know of how this master was started. To be called when the workers are on their way, for it looks at many files. */
  readonly warn: () => void;
  /** To be called before the workers open their access log again: where they may not make the new file, root makes it and gives it to them. */
  readonly giveAccessLog: () => void;
  /** None for the first generation. */
  readonly before:
    | {
        readonly predecessor: Predecessor;
        readonly inherited: readonly Listener[];
        /** Milliseconds until the upgrade is cancelled. */
        readonly deadline: number;
      }
    | undefined;
}
