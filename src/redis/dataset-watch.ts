import type { RedisServerInfo } from './server-info.ts';

/** What a master's data is known by; both change with a restart, the second one with a promotion, too. */
export interface DatasetIdentity {
  readonly runId: string;
  readonly replId: string | undefined;
  /** The history that a promoted replica went on with. */
  readonly formerReplId: string | undefined;
}

/**
 * Another dataset than before: what Redis acknowledged may be missing in it. `other-process`: a restart,
 * or the next master behind the same name; `promoted`: a former replica.
 */
export interface DatasetChange {
  /** `host:port` in a cluster, else how the connection is called. */
  readonly master: string;
  readonly reason: 'other-process' | 'promoted';
}

type Listener = (change: DatasetChange) => void;

export interface DatasetWatch {
  /** All masters of the beginning; others that come later are new. Until then none is. */
  expect(masters: Iterable<string>): void;
  /** What a new session found there. */
  observe(master: string, info: RedisServerInfo | undefined): void;
  /** Returns how to stop it. */
  onChange(listener: Listener): () => void;
}

/** Tells when a master's data is not what was there before. It knows nothing where INFO may not be asked. */
export function createDatasetWatch(): DatasetWatch {
  const known = new Map<string, DatasetIdentity>();
  let expected: ReadonlySet<string> | undefined;
  const listeners = new Set<Listener>();
  const tell = (change: DatasetChange): void => {
    for (const listener of listeners) listener(change);
  };
  return {
    expect(masters) {
      expected = new Set(masters);
    },
    observe(master, info) {
      // A replica's data is nobody's yet; it is looked at when it is promoted.
      const now = info?.role === 'slave' ? undefined : identityOf(info);
      if (now === undefined) return;
      const before = known.get(master);
      known.set(master, now);
      if (before === undefined) {
        // A master that only got slots from others never followed anybody.
        const isNew = expected?.has(master) === false;
        if (isNew && now.formerReplId !== undefined) tell({ master, reason: 'promoted' });
      } else if (before.runId !== now.runId) {
        tell({ master, reason: 'other-process' });
      } else if (before.replId !== now.replId) {
        // The same process, which followed another master meanwhile and may have taken over its data.
        tell({ master, reason: 'promoted' });
      }
    },
    onChange(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
}

/** One line that is the same as long as the data is. */
export function formatIdentity(info: RedisServerInfo | undefined): string | undefined {
  const identity = identityOf(info);
  return identity === undefined ? undefined : `${identity.runId}:${identity.replId ?? ''}`;
}

function identityOf(info: RedisServerInfo | undefined): DatasetIdentity | undefined {
  if (info?.runId === undefined) return undefined;
  return { runId: info.runId, replId: info.replId, formerReplId: info.formerReplId };
}
