import { fencedWrite } from './fence.ts';
import type { TableOptions } from './fence.ts';
import { toDatetime } from './position-columns.ts';
import { quoteIdentifier } from './sql-identifier.ts';
import { asStateError } from './state-error.ts';

/** Which data of Redis a daemon's position speaks of. */
export interface DatasetStore {
  /** Undefined where none is stored. */
  loadDataset(): Promise<string | undefined>;
  saveDataset(identity: string): Promise<void>;
}

/** Keeps the identity in the table `datasets`. @throws as `createPositionStore`. */
export function createDatasetStore(options: TableOptions): DatasetStore {
  const { client, database, clientId } = options;
  const table = `${quoteIdentifier(database)}.datasets`;
  const save = fencedWrite({
    ...options,
    table: 'datasets',
    columns: ['client_id', 'identity', 'updated_at'],
  });
  return {
    loadDataset: async () => {
      const query = client.query(`SELECT identity FROM ${table} WHERE client_id = ?`, [clientId]);
      const [row] = await query.catch((error: unknown) => {
        throw asStateError(error, database);
      });
      const identity = row?.['identity'];
      return typeof identity === 'string' ? identity : undefined;
    },
    saveDataset: async (identity) => {
      await save([clientId, identity, toDatetime(Date.now())]);
    },
  };
}
