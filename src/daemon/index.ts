export { type Daemon, type DaemonOptions, daemonise, type Here, type Launched } from './daemonise.js';
