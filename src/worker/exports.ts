/** What a module offers, whichever way it was written: ESM, CommonJS, TypeScript compiled to CommonJS. Pure. */

/** Where an app is looked for when it is not named, in this order. */
const USUAL = ['default', 'app', 'handler'] as const;

/** The exports of that name, or those that may be the app, the likeliest first. */
export function lookUp(namespace: unknown, name: string | undefined): unknown[] {
  const names = name === undefined ? USUAL : [name];
  const found = names.flatMap((each) => layers(namespace).flatMap((layer) => (hasOwn(layer, each) ? [layer[each]] : [])));
  // A whole `module.exports` that is only the wrapping of what was found inside is no candidate itself.
  return found.length > 1 ? found.filter((each) => !isWrapping(each)) : found;
}

/** The names of everything that it exports. */
export function exportNames(namespace: unknown): string[] {
  const names = new Set(layers(namespace).flatMap((layer) => Object.keys(layer)));
  for (const artefact of ['__esModule', 'module.exports']) names.delete(artefact);
  return [...names];
}

type Layer = { readonly [name: string]: unknown };

/** The namespace, then a `module.exports` object: it is the namespace's default, and TypeScript puts a default of its own into it. */
function layers(namespace: unknown): Layer[] {
  if (!isObject(namespace)) return [];
  const inner = namespace['default'];
  return isObject(inner) || typeof inner === 'function' ? [namespace, inner as Layer] : [namespace];
}

function isWrapping(value: unknown): boolean {
  return isObject(value) && (value['__esModule'] === true || Object.getPrototypeOf(value) === Object.prototype) && !hasOwn(value, 'fetch');
}

function isObject(value: unknown): value is Layer {
  return typeof value === 'object' && value !== null;
}

function hasOwn(layer: Layer, name: string): boolean {
  return Object.hasOwn(layer, name);
}
