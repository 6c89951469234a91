/** PM2 in cluster mode. It is installed beside the project, for the bench alone. */
import { existsSync, mkdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fixture } from '../../support/paths.js';
import { sessionOf } from '../../support/proc.js';
import { tempDir } from '../../support/temp.js';
import { bareEnvironment, output } from '../command.js';
import { benchApp, fromTop } from '../paths.js';
import { answers, freePort, REPLACE_MS, type Subject } from './subject.js';

const MAJOR = 7;
const PLACE = fromTop('.bench/peers');
const COMMAND = join(PLACE, 'node_modules/pm2/bin/pm2');

export const pm2: Subject = {
  name: 'PM2',
  hasApp: true,
  missing: async () => {
    if (existsSync(COMMAND)) return undefined;
    mkdirSync(PLACE, { recursive: true });
    const args = ['install', '--prefix', PLACE, '--no-audit', '--no-fund', '--ignore-scripts', `pm2@${MAJOR}`];
    const failure = await output('npm', args, process.env).then(() => undefined, String);
    return existsSync(COMMAND) ? undefined : `pm2@${MAJOR} cannot be installed from the registry: ${failure}`;
  },
  version: async () => (JSON.parse(readFileSync(join(PLACE, 'node_modules/pm2/package.json'), 'utf8')) as { version: string }).version,
  start: async (t, { workers, app }) => {
    const target = { host: '127.0.0.1', port: await freePort() };
    const home = tempDir(t);
    const env = { ...bareEnvironment(), PM2_HOME: home, PORT: String(target.port), APP: fixture(app) };
    const pm2 = (...args: string[]) => output(process.execPath, [COMMAND, ...args], env, REPLACE_MS);
    // It goes on as a daemon.
    t.teardown(() => pm2('kill'));
    await pm2('start', benchApp('listening.mjs'), '--name', 'bench', '-i', String(workers));
    await answers(target);
    const reload = async () => {
      await pm2('reload', 'bench');
    };
    const daemon = Number(readFileSync(join(home, 'pm2.pid'), 'utf8'));
    return { target, session: sessionOf(daemon), operations: [{ name: 'reload', run: reload }] };
  },
};
