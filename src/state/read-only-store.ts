import type { HistoryStore, Log, PositionStore } from '../pipeline/ports.ts';
import { isDenied, isMissing } from './state-error.ts';

/** A store of which only `load` does something; without a table, or the right to read it, there is no checkpoint. */
export function readOnlyStore(store: PositionStore, log: Log): PositionStore {
  return {
    load: async () => {
      try {
        return await store.load();
      } catch (error) {
        const cause = error instanceof Error ? error.cause : undefined;
        if (!isMissing(cause) && !isDenied(cause)) throw error;
        log.info({ reason: error }, 'no stored position can be read; beginning at source.init_position');
        return undefined;
      }
    },
    save: () => Promise.resolve(),
  };
}

/** A history that ends with the process. */
export const NO_HISTORY: HistoryStore = {
  loadHistory: () => Promise.resolve([]),
  remember: () => Promise.resolve(),
  keep: () => Promise.resolve(),
  loadAll: () => Promise.resolve([]),
};
