import type { RedisServerInfo } from './server-info.ts';

/**
 * Why the data that a node serves may not be the data that acknowledged our commands:
 * `restarted`: another process answers at the node's address; `promoted`: a replica has taken a master's place;
 * `replaced`: the process took over the data of another one, or its slots went to a node that has nothing to do with
 * it; `unknown`: the connection was lost, and the user may not ask (`+info`).
 */
export type DatasetCause = 'restarted' | 'promoted' | 'replaced' | 'unknown';

export interface DatasetChange {
  /** `host:port` of the node that serves the data now. */
  readonly node: string;
  /** `run_id:master_replid` before and now; undefined where unknown. */
  readonly before: string | undefined;
  readonly after: string | undefined;
  readonly cause: DatasetCause;
}

export type DatasetListener = (change: DatasetChange) => void;

/** What identifies the data of a master: its process, and the history of writes that it goes on with. */
export interface Dataset {
  readonly runId: string;
  readonly replicationId: string;
  /** The history that it went on with when it was promoted. */
  readonly formerId: string | undefined;
}

/** Undefined for what INFO does not tell of. */
export function datasetOf(info: RedisServerInfo | undefined): Dataset | undefined {
  if (info?.runId === undefined || info.replicationId === undefined) return undefined;
  return { runId: info.runId, replicationId: info.replicationId, formerId: info.formerReplicationId };
}

export function formatDataset({ runId, replicationId }: Dataset): string {
  return `${runId}:${replicationId}`;
}

/** Seen at the beginning of a session, or when asked in one. */
export interface Sighting {
  /** The place that a master has: the same for all masters that take it one after another. */
  readonly place: string;
  /** `host:port`. */
  readonly node: string;
  /** Undefined if the user may not ask. */
  readonly dataset: Dataset | undefined;
  /** Known from elsewhere: it took over from another node, which nothing was lost by if undefined. */
  readonly tookOver?: 'promoted' | 'replaced' | undefined;
}

interface Known {
  readonly node: string;
  readonly dataset: Dataset | undefined;
}

/**
 * Compares what each place of a master serves with what it served before. Replication is asynchronous: after any
 * difference, deletes that were acknowledged may be undone.
 *
 * Some differences lose nothing, such as a failover that both sides agreed to, or the new history that a master begins
 * an hour after its last replica went. They are reported as well: to repeat deletes costs little, to miss them does not.
 */
export class FailoverWatch {
  readonly #places = new Map<string, Known>();
  readonly #listeners = new Set<DatasetListener>();

  onChange(listener: DatasetListener): void {
    this.#listeners.add(listener);
  }

  /** Tells the listeners at once, in the same turn. `session`: it is seen for the first time in a session. */
  saw({ place, node, dataset, tookOver }: Sighting, { session }: { session: boolean }): void {
    const before = this.#places.get(place);
    const cause =
      tookOver ??
      (before === undefined ? this.#continues(dataset) : causeOf(before, { node, dataset }, session));
    this.#places.set(place, { node, dataset });
    if (cause === undefined) return;
    const change = {
      node,
      before: before?.dataset === undefined ? undefined : formatDataset(before.dataset),
      after: dataset === undefined ? undefined : formatDataset(dataset),
      cause,
    };
    for (const listener of this.#listeners) listener(change);
  }

  /** A node that was never seen goes on with the history of one that was: a replica that was promoted. */
  #continues(dataset: Dataset | undefined): DatasetCause | undefined {
    if (dataset?.formerId === undefined) return undefined;
    for (const known of this.#places.values()) {
      if (known.dataset?.replicationId === dataset.formerId) return 'promoted';
    }
    return undefined;
  }
}

function causeOf(before: Known, after: Known, session: boolean): DatasetCause | undefined {
  if (before.dataset === undefined || after.dataset === undefined) {
    const same = before.dataset === undefined && after.dataset === undefined && !session;
    return same ? undefined : 'unknown';
  }
  if (before.dataset.runId === after.dataset.runId) {
    return before.dataset.replicationId === after.dataset.replicationId ? undefined : 'replaced';
  }
  if (before.node !== after.node) return 'promoted';
  return 'restarted';
}
