export { checkDrop, drop } from './drop.js';
export { adoptEnvironment, type Identity, resolveIdentity, type Wish } from './identity.js';
export { openAs } from './open-as.js';
export { changeable, closedTo, openingOf } from './paths.js';
export { verify } from './verify.js';
