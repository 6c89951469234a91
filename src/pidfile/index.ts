export { liveMaster } from './lookup.js';
export { Pidfile } from './pidfile.js';
export { preload } from './section.js';
