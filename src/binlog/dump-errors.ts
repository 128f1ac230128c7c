import { UnstaleError } from '../errors/unstale-error.ts';
import type { ErrorCode } from '../errors/catalog.ts';

/**
 * What the server says when it ends a dump. All of it is error 1236 (ER_MASTER_FATAL_ERROR_READING_BINLOG), so
 * only the text tells the cases apart; each was seen on MySQL 9.7 or MariaDB 10.11.
 */
const DUMP_REFUSALS: readonly (readonly [RegExp, ErrorCode])[] = [
  [
    /could not find first log file|purged required binary logs|could not find GTID state requested/i,
    'UNSTALE_POSITION_PURGED',
  ],
  [/could not find next log/i, 'UNSTALE_BINLOG_RESET'],
  [/position > file size|impossible position/i, 'UNSTALE_POSITION_AHEAD'],
  [/more GTIDs than|not in the master's binlog/i, 'UNSTALE_SERVER_BEHIND'],
  [/AUTO_POSITION|GTID_MODE/i, 'UNSTALE_GTID_OFF'],
  [/same server_uuid\/server_id|same server_id|server with the same/i, 'UNSTALE_SERVER_ID_CLASH'],
  // The setting was changed between our asking for it and the dump.
  [/can not handle replication events with the checksum/i, 'UNSTALE_BINLOG_CONNECTION_LOST'],
];

/** What means that a part of the binlog will never be read. */
const GAPS: ReadonlySet<ErrorCode> = new Set([
  'UNSTALE_POSITION_PURGED',
  'UNSTALE_POSITION_AHEAD',
  'UNSTALE_POSITION_INVALID',
  'UNSTALE_BINLOG_RESET',
  'UNSTALE_SERVER_BEHIND',
  'UNSTALE_SERVER_CHANGED',
  'UNSTALE_GTID_FOREIGN',
]);

/** Whether an error means a gap: the server cannot continue after the position, and no repetition mends it. */
export function isGap(error: unknown): error is UnstaleError {
  return error instanceof UnstaleError && GAPS.has(error.code);
}

const ER_MASTER_FATAL_ERROR_READING_BINLOG = 1236;
/** MariaDB ends the older of two clients with the same server id so; mysql2 has another name for the number. */
const ER_SLAVE_SAME_ID = 4052;
const ER_NO_BINARY_LOGGING = 1381;

/**
 * Classifies an error of the dump itself; undefined when it is an ordinary connection error.
 */
export function classifyDumpError(error: Error, at: string): UnstaleError | undefined {
  const errno = 'errno' in error && typeof error.errno === 'number' ? error.errno : undefined;
  switch (errno) {
    case ER_MASTER_FATAL_ERROR_READING_BINLOG: {
      const code =
        DUMP_REFUSALS.find(([text]) => text.test(error.message))?.[1] ?? 'UNSTALE_POSITION_INVALID';
      return new UnstaleError(code, `the server refuses to send its binlog from ${at}: ${error.message}`, {
        cause: error,
      });
    }
    case ER_SLAVE_SAME_ID:
      return new UnstaleError(
        'UNSTALE_SERVER_ID_CLASH',
        `another client took over this server_id: ${error.message}`,
        {
          cause: error,
        },
      );
    case ER_NO_BINARY_LOGGING:
      return new UnstaleError('UNSTALE_BINLOG_OFF', 'the server writes no binlog', { cause: error });
    default:
      return undefined;
  }
}
