/** Ourselves. */
import { readFileSync } from 'node:fs';
import { startHoldfast } from '../../support/holdfast.js';
import { fixture, holdfastCommand } from '../../support/paths.js';
import { output } from '../command.js';
import { fromTop } from '../paths.js';
import { REPLACE_MS, type Subject } from './subject.js';

export const holdfast: Subject = {
  name: 'Holdfast',
  hasApp: true,
  missing: async () => undefined,
  version: async () => (JSON.parse(readFileSync(fromTop('package.json'), 'utf8')) as { version: string }).version,
  start: async (t, { workers, app, args = [] }) => {
    const started = await startHoldfast(t, { args: ['-w', String(workers), ...args], app: fixture(app), stopMs: 60_000 });
    const upgrade = async () => {
      const old = started.pid();
      const { event, reason } = await started.upgrade({ timeoutMs: REPLACE_MS });
      if (event !== 'upgrade.done') throw new Error(`the upgrade was rolled back: ${reason}`);
      await started.event('master.exit', ({ pid }) => pid === old, { timeoutMs: REPLACE_MS });
    };
    return { target: started.target, session: started.process.pid ?? 0, operations: [{ name: 'USR2', run: upgrade }] };
  },
};

/** Whether this Holdfast has an option. */
export async function hasOption(flag: string): Promise<boolean> {
  return (await output(process.execPath, [holdfastCommand, '--help'])).includes(flag);
}
