// Nothing is lost: every kind of client at once, through everything that an operator may do. Tolerance zero.
import test from 'ava';
import { heavily, rounds } from '../support/heavy.js';
import { startHoldfast } from '../support/holdfast.js';
import { everyKind, startLoad } from '../support/load/index.js';
import { assertLossless, summary } from '../support/load/lossless.js';
import { waitFor } from '../support/wait.js';

const KEEP_ALIVE = 5_000;
const TIMES = rounds(4, 10);

for (const workers of [2, 4]) {
  test.serial(heavily(`${TIMES} upgrades with ${workers} workers lose nothing`), async (t) => {
    const holdfast = await startHoldfast(t, { args: ['-w', String(workers)], stopMs: 40_000 });
    const load = await startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE });
    await load.warm(2);
    for (let upgrade = 1; upgrade <= TIMES; upgrade += 1) {
      t.is((await holdfast.upgrade()).event, 'upgrade.done');
      await load.mark();
      await load.answeredAtLeast(300);
    }
    const report = await load.stop();
    t.log(summary(report));
    assertLossless(t, report);
  });

  test.serial(heavily(`${TIMES} reloads, TTIN, TTOU, WINCH and HUP with ${workers} workers lose nothing`), async (t) => {
    const holdfast = await startHoldfast(t, { args: ['-w', String(workers)], stopMs: 40_000 });
    const load = await startLoad(t, { target: holdfast.target, mix: everyKind, keepAliveTimeoutMs: KEEP_ALIVE });
    await load.warm(2);
    for (let reload = 1; reload <= TIMES; reload += 1) {
      t.is((await holdfast.reload()).event, 'reload.done');
      await load.mark();
      await load.answeredAtLeast(200);
    }
    for (const [signal, wanted] of [
      ['SIGTTIN', 1],
      ['SIGTTIN', 2],
      ['SIGTTOU', 1],
      ['SIGTTOU', 0],
    ] as const) {
      holdfast.signal(signal);
      await waitFor(() => holdfast.workers().length >= workers + wanted, 20_000, `${workers + wanted} workers`);
      await load.mark();
      await load.answeredAtLeast(200);
    }
    // Else the HUP might be taken before it: of signals that wait together the kernel gives the lower number first. signal(7). The first drain
    // that begins may be the last TTOU's; so the master's word.
    const after = holdfast.log.length;
    holdfast.signal('SIGWINCH');
    await holdfast.says(/^draining the workers/, undefined, { after });
    t.is((await holdfast.reload()).event, 'reload.done');
    await load.mark();
    await load.answeredAtLeast(200);
    const report = await load.stop();
    t.log(summary(report));
    assertLossless(t, report);
  });
}
