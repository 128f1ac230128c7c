import type { HistoryStore, PositionStore } from '../pipeline/ports.ts';
import { createDatasetStore } from './dataset-store.ts';
import type { DatasetStore } from './dataset-store.ts';
import type { TableOptions } from './fence.ts';
import { createHistoryStore } from './history-store.ts';
import { createPositionStore } from './position-store.ts';

/** What a daemon keeps beyond its end. */
export interface StateTables {
  readonly store: PositionStore;
  readonly history: HistoryStore;
  readonly datasets: DatasetStore;
}

/** The tables of a client, written in the name of a leader. */
export function openStateTables(options: TableOptions): StateTables {
  return {
    store: createPositionStore(options),
    history: createHistoryStore(options),
    datasets: createDatasetStore(options),
  };
}
