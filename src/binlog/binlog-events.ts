import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient } from '../pipeline/ports.ts';

interface Place {
  readonly file: string;
  readonly offset: number;
}

/** Events looked at, beyond which there is surely something else among them. */
const MOST_EVENTS = 1000;

/** What stands between the changes. */
const FRAME =
  /^(?:Gtid|Anonymous_Gtid|Xid|Rotate|Stop|Format_desc|Previous_gtids|Gtid_list|Binlog_checkpoint|Heartbeat|Rows_query|Annotate_rows)/i;
const ROWS = /rows/i;

/**
 * Whether all changes between two places of the same or of following files are those of one schema's tables. False where
 * that cannot be told: too many events, statements, or no right to look.
 */
export async function binlogEventsAre(
  schema: string,
  from: Place,
  to: Place,
  client: SqlClient,
): Promise<boolean> {
  // Files in between would have to be walked through; who asks polls, and the position soon is in the newest file.
  if (from.file !== to.file) return false;
  if (from.offset >= to.offset) return true;
  try {
    const events = await client.query(
      `SHOW BINLOG EVENTS IN ${quoteFile(from.file)} FROM ${Math.trunc(from.offset)} LIMIT ${MOST_EVENTS + 1}`,
    );
    if (events.length > MOST_EVENTS) return false;
    return events.every((event) => isOf(schema, String(event['Event_type']), String(event['Info'])));
  } catch (error) {
    if (error instanceof UnstaleError && error.policy.directive !== 'retry') return false;
    throw error;
  }
}

function isOf(schema: string, type: string, info: string): boolean {
  if (/^Table_map/i.test(type)) return info.includes(`(${schema}.`);
  if (/^Query/i.test(type)) return /^(?:BEGIN|COMMIT)\b/.test(info);
  return FRAME.test(type) || ROWS.test(type);
}

/**
 * A file's name in a statement that takes no parameters.
 * @throws UnstaleError UNSTALE_POSITION_INVALID for what is no name of a binlog
 */
export function quoteFile(file: string): string {
  if (/['"\\]/.test(file)) throw new UnstaleError('UNSTALE_POSITION_INVALID', `${file} is no binlog file`);
  return `'${file}'`;
}
