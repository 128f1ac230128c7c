/**
 * A place in the binlog between two transactions, with what identifies the binlog it belongs to.
 *
 * `offset` is in bytes and unwrapped: the 32-bit `log_pos` of the event header wraps in files over 4 GiB.
 * `fileCreatedAt` is the file's creation time in seconds since the epoch (the format description event's
 * timestamp), 0 where it is not known yet. `gtidSet` is the server's own notation: `uuid:1-5,...` on MySQL,
 * `domain-server-sequence,...` on MariaDB.
 */
export interface SourcePosition {
  readonly serverUuid: string;
  readonly epoch: number;
  readonly file: string;
  readonly offset: number;
  readonly fileCreatedAt: number;
  readonly gtidSet?: string;
}

/** `file:offset`, for people. */
export function formatPosition(position: SourcePosition): string {
  return `${position.file}:${position.offset}`;
}
