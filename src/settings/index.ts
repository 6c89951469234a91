export type { AccessFormat, Piece } from './access-format.js';
export { helpText } from './help.js';
export { settingsReference } from './reference.js';
export { readSettings, type Settings } from './settings.js';
export type { SyslogSettings } from './syslog.js';
export type { LogLevel } from './values.js';
