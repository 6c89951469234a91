import { execFileSync } from 'node:child_process';
import test from 'ava';
import { shellWord } from '#src/errors.js';

test('a word in a command that is to be copied is one word to a shell, whatever is in it', (t) => {
  for (const text of ['/run/shop.sock', '', '/run/my shop', "/run/it's", '$HOME', '`id`', 'a\\b', '~', 'a;b', '*'])
    t.is(execFileSync('/bin/sh', ['-c', `printf %s ${shellWord(text)}`], { encoding: 'utf8' }), text);
  t.is(shellWord('/run/shop.sock'), '/run/shop.sock');
});
