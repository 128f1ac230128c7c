import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlParameter, SqlWriter } from '../pipeline/ports.ts';
import { quoteIdentifier } from './sql-identifier.ts';
import { asStateError } from './state-error.ts';

/** In whose name the state tables are written: of the session that holds the lock, while its number is the newest. */
export interface Fence {
  /** See `lockName`. */
  readonly lock: string;
  /** What `leases.fencing_token` was set to when the lock was taken. */
  readonly token: number;
}

/** The rows of one client, written in the name of a leader. */
export interface TableOptions {
  /** With one connection only, whose session holds the lock. */
  readonly client: SqlWriter;
  readonly database: string;
  readonly clientId: string;
  readonly fence: Fence;
}

interface FencedTable extends TableOptions {
  readonly table: string;
  /** The first ones are the primary key: `client_id`, and as many more as `keys` says. */
  readonly columns: readonly string[];
  /** Columns of the primary key; 1 unless given. */
  readonly keys?: number;
}

/**
 * Gives what writes one row of a table of this client, a new one or in place of the one with the same key. It is one
 * statement, which reads the number under a lock of the row: whoever leads next has to wait for it, or comes first.
 *
 * It throws UNSTALE_LEASE_LOST when the session does not hold the lock, or another has led since, and nothing is
 * written then; else as `createPositionStore`.
 */
export function fencedWrite(options: FencedTable): (values: readonly SqlParameter[]) => Promise<void> {
  const { client, database, clientId, fence, table, columns, keys = 1 } = options;
  const state = quoteIdentifier(database);
  const updates = columns.slice(keys).map((column) => `${column} = VALUES(${column})`);
  const sql =
    `INSERT INTO ${state}.${table} (${columns.join(', ')}) SELECT ${columns.map(() => '?').join(', ')} ` +
    `FROM ${state}.leases WHERE leases.client_id = ? AND leases.fencing_token = ? ` +
    `AND IS_USED_LOCK(?) = CONNECTION_ID() ON DUPLICATE KEY UPDATE ${updates.join(', ')}`;
  return async (values) => {
    const written = await client
      .write(sql, [...values, clientId, fence.token, fence.lock])
      .catch((error: unknown) => {
        throw asStateError(error, database);
      });
    if (written > 0) return;
    throw new UnstaleError(
      'UNSTALE_LEASE_LOST',
      `state database ${database}: this daemon does not hold the lock ${fence.lock} any more, or another has led since; ${table} is left as it is`,
    );
  };
}
