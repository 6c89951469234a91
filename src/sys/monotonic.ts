/** What time it is, for whoever measures how long something takes (any role). */

/** Milliseconds, and parts of them, of a clock that nobody sets. node:perf_hooks has it too, and every start would wait until that is loaded. clock_gettime(2), CLOCK_MONOTONIC */
export function monotonic(): number {
  return process.uptime() * 1000;
}
