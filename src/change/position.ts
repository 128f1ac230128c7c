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
export function formatPosition(position: Pick<SourcePosition, 'file' | 'offset'>): string {
  return `${position.file}:${position.offset}`;
}

/** A place in the binlogs that one daemon has followed. */
export type BinlogPlace = Pick<SourcePosition, 'epoch' | 'file' | 'offset'>;

/** Whether a place is before another one, by epoch, by the number of the file and by the offset. */
export function isBefore(one: BinlogPlace, other: BinlogPlace): boolean {
  if (one.epoch !== other.epoch) return one.epoch < other.epoch;
  const [first, second] = [fileNumber(one.file), fileNumber(other.file)];
  return first === second ? one.offset < other.offset : first < second;
}

/**
 * A position as it is stored when everything behind it is to be read again: whichever server it is resumed on then,
 * no version is in an epoch before that of `newest`, nor in the same one with the files of another server.
 */
export function setBack(position: SourcePosition, newest: SourcePosition): SourcePosition {
  const epoch = position.serverUuid === newest.serverUuid ? newest.epoch : newest.epoch + 1;
  return { ...position, epoch };
}

function fileNumber(file: string): number {
  return Number(/\.(\d+)$/.exec(file)?.[1] ?? 0);
}
