/** In the worker, after the drop of privileges: loads the app and makes an http server of what it exports. */
import { setImmediate } from 'node:timers/promises';
import { pathToFileURL } from 'node:url';
import { EXIT, HoldfastError, messageOf } from '../errors.js';
import { exportNames, lookUp } from './exports.js';
import { resolveModule } from './module-path.js';
import { type App, isFactory, isServable, refusal, serverFor } from './servable.js';
import { syntaxPosition } from './syntax-position.js';
import { throwPosition } from './throw-position.js';

export type { App } from './servable.js';

/**
 * Load the app that `MODULE[#EXPORT]` names: a file of `cwd`, else a package seen from there; ESM or CommonJS. Without a name its
 * default export is served, else `app`, else `handler`. A function without parameters is a factory (also async) of the app.
 *
 * @throws HoldfastError (EXIT.app); what the app itself threw is its `cause`
 */
export async function loadApp(spec: string, cwd: string): Promise<App> {
  const hash = spec.lastIndexOf('#');
  const [module, name] = hash === -1 ? [spec, undefined] : [spec.slice(0, hash), spec.slice(hash + 1)];
  try {
    const namespace: unknown = await importFile(resolveModule(module, cwd));
    return await serve(namespace, name);
  } catch (error) {
    throw cannotLoad(spec, error);
  }
}

/** What there is to say of an app that threw before it accepted, whoever caught that. */
export function cannotLoad(spec: string, error: unknown): HoldfastError {
  const position = error instanceof HoldfastError ? undefined : throwPosition(error);
  const where = position === undefined ? '' : ` at ${position}`;
  const hint = isOfListen(error) ? ' (it calls listen() itself: leave that to Holdfast)' : '';
  return new HoldfastError(`cannot load ${spec}: ${sentenceOf(error)}${where}${hint}`, EXIT.app, {
    cause: error instanceof HoldfastError ? error.cause : error,
  });
}

/** Its port is in use, by a sibling for one; or its server cannot listen a second time. */
function isOfListen(error: unknown): boolean {
  const { syscall, code } = error instanceof Error ? (error as NodeJS.ErrnoException) : {};
  return syscall === 'listen' || code === 'ERR_SERVER_ALREADY_LISTEN';
}

async function serve(namespace: unknown, name: string | undefined): Promise<App> {
  const found = lookUp(namespace, name);
  if (found.length === 0 && name !== undefined) {
    const others = exportNames(namespace).join(', ');
    throw new HoldfastError(`it has no export "${name}" (it has${others === '' ? ' none' : `: ${others}`})`);
  }
  const chosen = found.find((each) => isFactory(each) || isServable(each)) ?? found[0];
  const product: unknown = isFactory(chosen) ? await chosen() : chosen;
  const app = serverFor(product);
  if (app === undefined)
    throw new HoldfastError(
      `${refusal(product, isFactory(chosen))}${listensItself() ? '; it calls listen() itself: leave that to Holdfast' : ''}`,
    );
  // A promise that it rejected, a port that it could not have, a listen() of its own: it shows in the turn after.
  await setImmediate();
  if (app.server.listening) throw new HoldfastError('its server listens already; export it without calling listen()');
  return app;
}

/** What comes from PM2 often does. */
function listensItself(): boolean {
  return process.getActiveResourcesInfo().includes('TCPServerWrap');
}

async function importFile(path: string): Promise<unknown> {
  const url = pathToFileURL(path).href;
  try {
    return await import(url);
  } catch (error) {
    const position = error instanceof SyntaxError ? syntaxPosition(error, url) : undefined;
    throw position === undefined ? error : new HoldfastError(`${messageOf(error)} at ${position}`, EXIT.app, { cause: error });
  }
}

/** One line: Node's own messages may go on with a "Require stack". */
function sentenceOf(error: unknown): string {
  return messageOf(error).split('\n', 1)[0] ?? '';
}
