/** What stands in for AVA's `t` where the tests' support is used outside of a test. */
import type { Test } from '../support/temp.js';

type Ends = (() => unknown)[];

const open = new Set<Ends>();

/** Runs `act`, then everything that was to be torn down, the last one first. Throws what either throws. */
export async function inScope<T>(act: (t: Test) => Promise<T>): Promise<T> {
  const ends: Ends = [];
  open.add(ends);
  try {
    return await act(scoped(ends));
  } finally {
    open.delete(ends);
    await tearDown(ends);
  }
}

/** What is measured runs in sessions of its own, and ^C does not reach it: tear all of it down, then leave. */
export function tearDownOnSignals(): void {
  const leave = async () => {
    for (const ends of [...open].reverse()) await tearDown(ends).catch(console.error);
    process.exit(130);
  };
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, leave);
}

function scoped(ends: Ends): Test {
  return {
    passed: true,
    log: Object.assign((...lines: unknown[]) => console.error(...lines), { skip: () => {} }),
    teardown: (end) => {
      ends.push(end);
    },
  };
}

/** Whatever one end throws, the others come to pass. */
async function tearDown(ends: Ends): Promise<void> {
  const failures: unknown[] = [];
  for (const end of ends.splice(0).reverse()) {
    try {
      await end();
    } catch (error) {
      failures.push(error);
    }
  }
  if (failures.length > 0) throw failures[0];
}
