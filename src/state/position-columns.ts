import type { SourcePosition } from '../change/position.ts';
import type { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlRow } from '../pipeline/ports.ts';

/** The columns of a position, wherever one is stored. */
export const POSITION_COLUMNS = [
  'server_uuid',
  'epoch',
  'binlog_file',
  'binlog_position',
  'binlog_file_created_at',
  'gtid_set',
] as const;

/** The error for a column that cannot be read. */
export type Damaged = (column: string) => UnstaleError;

/** The values of `POSITION_COLUMNS`. */
export function positionValues(position: SourcePosition): readonly (string | number | null)[] {
  const { serverUuid, epoch, file, offset, fileCreatedAt, gtidSet = null } = position;
  return [serverUuid, epoch, file, offset, fileCreatedAt, gtidSet];
}

/** @throws what `damaged` gives */
export function positionIn(row: SqlRow, damaged: Damaged): SourcePosition {
  return {
    serverUuid: textIn(row, 'server_uuid', damaged),
    epoch: wholeIn(row, 'epoch', damaged),
    file: textIn(row, 'binlog_file', damaged),
    offset: wholeIn(row, 'binlog_position', damaged),
    fileCreatedAt: wholeIn(row, 'binlog_file_created_at', damaged),
    ...(row['gtid_set'] === null ? {} : { gtidSet: textIn(row, 'gtid_set', damaged) }),
  };
}

/** @throws what `damaged` gives */
export function textIn(row: SqlRow, column: string, damaged: Damaged): string {
  const value = row[column];
  if (typeof value !== 'string') throw damaged(column);
  return value;
}

/** @throws what `damaged` gives */
export function wholeIn(row: SqlRow, column: string, damaged: Damaged): number {
  // Beyond 2^53 the client gives text, whose number is no safe integer either.
  const value = Number(row[column]);
  if (!Number.isSafeInteger(value)) throw damaged(column);
  return value;
}

/** A DATETIME(3) in UTC as ms since the epoch. @throws what `damaged` gives */
export function momentIn(row: SqlRow, column: string, damaged: Damaged): number {
  const moment = Date.parse(`${textIn(row, column, damaged).replace(' ', 'T')}Z`);
  if (Number.isNaN(moment)) throw damaged(column);
  return moment;
}

/** ms since the epoch as a DATETIME(3) in UTC. */
export function toDatetime(ms: number): string {
  return new Date(ms).toISOString().replace('T', ' ').replace('Z', '');
}
