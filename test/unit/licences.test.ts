import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import test from 'ava';
import { packageRoot } from '../support/paths.js';

for (const name of ['pino', 'proper-lockfile'])
  test(`whose code ${name}.cjs has, and on what terms, stands in it, and who says so`, (t) => {
    const [comment = ''] = readFileSync(join(packageRoot, 'dist/start', `${name}.cjs`), 'utf8').split('*/');
    const licences = comment.split(/^(?=[a-z@][\w@/-]* \d+\.\d+\.\d+: )/m).slice(1);
    t.true(licences.some((each) => each.startsWith(`${name} `)));
    for (const each of licences) t.regex(each, /copyright/i);
  });
