/** What one generation leaves for the next in the environment (master). Gone from it as soon as it is read. */
import type { Command } from './command.js';

const HANDED = ['HOLDFAST_HANDOVER', 'HOLDFAST_FDS', 'HOLDFAST_PREDECESSOR', 'HOLDFAST_KEEPER', 'HOLDFAST_DAEMON'] as const;

export type Handed = Readonly<Partial<Record<(typeof HANDED)[number], string>>>;

/** What was handed over, and the command without it. May be asked again. */
export function takeHandedOver({ argv, directory, env }: Command): { readonly command: Command; readonly handed: Handed } {
  const handed: Record<string, string> = {};
  const rest = { ...env };
  for (const name of HANDED) {
    const value = rest[name];
    if (value !== undefined) handed[name] = value;
    delete rest[name];
    delete process.env[name];
  }
  return { command: { argv, directory, env: rest }, handed };
}
