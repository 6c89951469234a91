// Whether V8 optimises what is hot, by what it says itself.
import { execFileSync } from 'node:child_process';
import test from 'ava';

/** What V8 has optimised of a process that calls one function very often; `beforehand` is done first. */
function optimised(beforehand: string): readonly string[] {
  const script = `
    ${beforehand}
    const hot = (n) => (n % 7) * 3;
    let sum = 0;
    const turn = () => { for (let n = 0; n < 200_000; n += 1) sum += hot(n); };
    for (let times = 0; times < 20; times += 1) turn();
    // Whatever the compiler's thread has made by then is taken over.
    await new Promise((resolve) => setTimeout(resolve, 20));
    turn();`;
  const text = execFileSync(process.execPath, ['--trace-opt', '--input-type=module', '-e', script], { encoding: 'utf8' });
  return text.split('\n').filter((line) => line.includes('completed optimizing') || line.includes('marking'));
}

const { href } = new URL(import.meta.resolve('#src/sys/compiler.js'));

test('nothing is optimised once that is said, however often it is called', (t) => {
  const before = optimised('');
  t.true(before.length > 0, 'this V8 says nothing');
  t.deepEqual(optimised(`(await import(${JSON.stringify(href)})).optimiseNothing();`), []);
});
