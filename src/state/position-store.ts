import type { Checkpoint } from '../change/checkpoint.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log, PositionStore, SqlClient, SqlRow } from '../pipeline/ports.ts';
import { migrateState } from './migrate.ts';
import {
  momentIn,
  POSITION_COLUMNS,
  positionIn,
  positionValues,
  textIn,
  toDatetime,
  wholeIn,
} from './position-columns.ts';
import type { Damaged } from './position-columns.ts';
import { quoteIdentifier } from './sql-identifier.ts';
import { asStateError } from './state-error.ts';

/**
 * For `optionalSessionSetup` of a state client whose writes should stay out of the server's own binlog: no
 * bytes, no GTIDs. The rows then do not reach the server's replicas either, so that after a failover to one
 * of them there is no checkpoint.
 */
export const UNLOGGED_WRITES: readonly string[] = ['SET SESSION sql_log_bin = 0'];

export interface PositionStoreOptions {
  /** With one connection only, because migrations hold a lock of their session. */
  readonly client: SqlClient;
  readonly database: string;
  readonly clientId: string;
  readonly log: Log;
}

/** The PositionStore in MySQL, and what prepares it. */
export interface MysqlPositionStore extends PositionStore {
  /** Creates or migrates the tables, see `migrateState`; call it before anything else. */
  migrate(): Promise<void>;
}

const COLUMNS = ['client_id', ...POSITION_COLUMNS, 'mapping_hash', 'fencing_token', 'updated_at'] as const;

/**
 * Keeps the checkpoint of `clientId` in the table `positions`, one row a client.
 *
 * `load` and `save` throw UNSTALE_STATE_UNAVAILABLE when the server does not answer (a save may be repeated),
 * UNSTALE_STATE_DENIED, UNSTALE_STATE_READ_ONLY, or UNSTALE_STATE_SCHEMA when the table is missing or damaged.
 */
export function createPositionStore(options: PositionStoreOptions): MysqlPositionStore {
  const { client, database, clientId, log } = options;
  const table = `${quoteIdentifier(database)}.positions`;
  const [, ...updated] = COLUMNS;
  const load = `SELECT ${COLUMNS.join(', ')} FROM ${table} WHERE client_id = ?`;
  const save =
    `INSERT INTO ${table} (${COLUMNS.join(', ')}) VALUES (${COLUMNS.map(() => '?').join(', ')}) ` +
    `ON DUPLICATE KEY UPDATE ${updated.map((column) => `${column} = VALUES(${column})`).join(', ')}`;

  const query = async (
    sql: string,
    params: readonly (string | number | null)[],
  ): Promise<readonly SqlRow[]> => {
    try {
      return await client.query(sql, params);
    } catch (error) {
      throw asStateError(error, database);
    }
  };

  return {
    migrate: async () => {
      await migrateState({ client, database, log });
      const [row] = await query('SELECT @@SESSION.sql_log_bin AS logged', []);
      const logged = Number(row?.['logged']) === 1;
      log.info(
        { database, logged },
        logged ? 'position writes are in the binlog' : 'position writes stay out of the binlog',
      );
    },
    load: async () => {
      const [row] = await query(load, [clientId]);
      return row === undefined ? undefined : toCheckpoint(row, database);
    },
    save: async ({ position, mappingHash, fencingToken, savedAt }) => {
      await query(save, [
        clientId,
        ...positionValues(position),
        mappingHash,
        fencingToken,
        toDatetime(savedAt),
      ]);
    },
  };
}

function toCheckpoint(row: SqlRow, database: string): Checkpoint {
  const damaged: Damaged = (column) =>
    new UnstaleError(
      'UNSTALE_STATE_SCHEMA',
      `state database ${database}: positions.${column} cannot be read`,
    );
  const text = (column: string): string => textIn(row, column, damaged);
  const whole = (column: string): number => wholeIn(row, column, damaged);
  const savedAt = momentIn(row, 'updated_at', damaged);
  return {
    clientId: text('client_id'),
    position: positionIn(row, damaged),
    mappingHash: text('mapping_hash'),
    fencingToken: whole('fencing_token'),
    savedAt,
  };
}
