import { UnstaleError } from '../errors/unstale-error.ts';
import type { AppliedAt, HistoryStore } from '../pipeline/ports.ts';
import {
  momentIn,
  POSITION_COLUMNS,
  positionIn,
  positionValues,
  toDatetime,
  wholeIn,
} from './position-columns.ts';
import type { Damaged } from './position-columns.ts';
import { fencedWrite } from './fence.ts';
import type { TableOptions } from './fence.ts';
import { quoteIdentifier } from './sql-identifier.ts';
import { asStateError } from './state-error.ts';

/** A ring, so that nothing has to be deleted, for which the account would need another right. */
const SLOTS = 16;

/** Keeps the newest positions of `clientId` in the table `position_history`. @throws as `createPositionStore`. */
export function createHistoryStore(options: TableOptions): HistoryStore {
  const { client, database, clientId } = options;
  const table = `${quoteIdentifier(database)}.position_history`;
  const columns = ['applied_at', ...POSITION_COLUMNS];
  const load = `SELECT slot, ${columns.join(', ')} FROM ${table} WHERE client_id = ? ORDER BY applied_at`;
  const save = fencedWrite({
    ...options,
    table: 'position_history',
    columns: ['client_id', 'slot', ...columns],
    keys: 2,
  });
  const damaged: Damaged = (column) =>
    new UnstaleError(
      'UNSTALE_STATE_SCHEMA',
      `state database ${database}: position_history.${column} cannot be read`,
    );
  let next = 0;
  return {
    loadHistory: async () => {
      const rows = await client.query(load, [clientId]).catch((error: unknown) => {
        throw asStateError(error, database);
      });
      const newest = rows.at(-1);
      if (newest !== undefined) next = (wholeIn(newest, 'slot', damaged) + 1) % SLOTS;
      return rows.map((row): AppliedAt => ({
        position: positionIn(row, damaged),
        at: momentIn(row, 'applied_at', damaged),
      }));
    },
    remember: async ({ position, at }) => {
      await save([clientId, next, toDatetime(at), ...positionValues(position)]);
      next = (next + 1) % SLOTS;
    },
  };
}
