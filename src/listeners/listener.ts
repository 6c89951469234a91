/** A socket that this process holds, as plain data: it may be sent to another process, the descriptor beside it. Pure. */

/** The file of a unix socket that Holdfast bound. Decimal strings: an inode's number may exceed what a double holds exactly. */
export interface SocketFile {
  readonly dev: string;
  readonly ino: string;
  /** The name that it was bound under; it bears it until `listen` renames it into place. */
  readonly draft?: string;
  /** The file that may be replaced though somebody answers there: a dead master's, whose workers accept until ours do. */
  readonly instead?: SocketFile;
}

export interface Listener {
  /** The label of what was asked for: `127.0.0.1:0`. */
  readonly address: string;
  /** The label of what it is bound to: `127.0.0.1:41233`. */
  readonly bound: string;
  readonly fd: number;
  readonly socketFile?: SocketFile;
}
