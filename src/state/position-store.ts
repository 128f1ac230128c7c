import type { Checkpoint } from '../change/checkpoint.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { PositionStore, SqlRow } from '../pipeline/ports.ts';
import { fencedWrite } from './fence.ts';
import type { TableOptions } from './fence.ts';
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

const COLUMNS = ['client_id', ...POSITION_COLUMNS, 'mapping_hash', 'fencing_token', 'updated_at'] as const;

/**
 * Keeps the checkpoint of `clientId` in the table `positions`, one row a client.
 *
 * `load` and `save` throw UNSTALE_STATE_UNAVAILABLE when the server does not answer (a save may be repeated),
 * UNSTALE_STATE_DENIED, UNSTALE_STATE_READ_ONLY, or UNSTALE_STATE_SCHEMA when the table is missing or damaged;
 * `save` throws UNSTALE_LEASE_LOST when another daemon leads.
 */
export function createPositionStore(options: TableOptions): PositionStore {
  const { client, database, clientId } = options;
  const table = `${quoteIdentifier(database)}.positions`;
  const load = `SELECT ${COLUMNS.join(', ')} FROM ${table} WHERE client_id = ?`;
  const save = fencedWrite({ ...options, table: 'positions', columns: COLUMNS });

  return {
    load: async () => {
      const [row] = await client.query(load, [clientId]).catch((error: unknown) => {
        throw asStateError(error, database);
      });
      return row === undefined ? undefined : toCheckpoint(row, database);
    },
    save: async ({ position, mappingHash, fencingToken, savedAt }) => {
      await save([clientId, ...positionValues(position), mappingHash, fencingToken, toDatetime(savedAt)]);
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
