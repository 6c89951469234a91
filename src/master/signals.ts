/** The signals of a master: the one table in the code. docs/signals.md is checked against it. Pure. */

export const SIGNALS = {
  SIGTERM: 'graceful stop: connections are drained, then everything ends',
  SIGINT: 'quick stop',
  SIGQUIT: 'quick stop',
  SIGHUP: 'reload: the app is read again; new workers accept before the old ones drain',
  SIGUSR1: 'reopen the logs, in the workers too',
  SIGUSR2: 'upgrade: a new master takes over, with new code',
  SIGWINCH: 'drain the workers, keep the master; HUP brings them back',
  SIGTTIN: 'one worker more',
  SIGTTOU: 'one worker fewer, but one stays',
} as const satisfies Readonly<Record<string, string>>;

export type MasterSignal = keyof typeof SIGNALS;
