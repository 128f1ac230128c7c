import { UnstaleError } from '../errors/unstale-error.ts';
import type { AppliedAt, HistoryStore, SqlRow } from '../pipeline/ports.ts';
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
import { keptSlots, RECENT_SLOTS } from './history-slots.ts';
import { quoteIdentifier } from './sql-identifier.ts';
import { asStateError } from './state-error.ts';

/**
 * Keeps positions of `clientId` in the table `position_history`: the newest, one a minute, and one an hour. The slots are
 * used again in turn, so that nothing has to be deleted, for which the account would need another right.
 * @throws as `createPositionStore`.
 */
export function createHistoryStore(options: TableOptions): HistoryStore {
  const { client, database, clientId } = options;
  const table = `${quoteIdentifier(database)}.position_history`;
  const columns = ['applied_at', ...POSITION_COLUMNS];
  const load = (slots: string): string =>
    `SELECT slot, ${columns.join(', ')} FROM ${table} WHERE client_id = ? ${slots}ORDER BY applied_at`;
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
  const entryIn = (row: SqlRow): AppliedAt => ({
    position: positionIn(row, damaged),
    at: momentIn(row, 'applied_at', damaged),
  });
  const read = async (slots: string): Promise<readonly SqlRow[]> => {
    try {
      return await client.query(load(slots), [clientId]);
    } catch (error) {
      throw asStateError(error, database);
    }
  };
  const write = async (slot: number, { position, at }: AppliedAt): Promise<void> => {
    await save([clientId, slot, toDatetime(at), ...positionValues(position)]);
  };
  let next = 0;
  let keptAt: number | undefined;
  return {
    loadHistory: async () => {
      const rows = await read(`AND slot < ${RECENT_SLOTS} `);
      const newest = rows.at(-1);
      if (newest !== undefined) next = (wholeIn(newest, 'slot', damaged) + 1) % RECENT_SLOTS;
      return rows.map(entryIn);
    },
    remember: async (entry) => {
      await write(next, entry);
      next = (next + 1) % RECENT_SLOTS;
    },
    keep: async (entry) => {
      for (const slot of keptSlots(entry.at, keptAt)) await write(slot, entry);
      keptAt = entry.at;
    },
    loadAll: async () => (await read('')).map(entryIn),
  };
}
