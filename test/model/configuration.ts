import type { Line } from './scripts.ts';

/** What a commit leaves: a row, no row, or a row whose own version stays, because another table's row changed. */
export type Commit = 'row' | 'gone' | 'unversioned';

/** What may happen around one key, and how the daemon and the readers behave. What is not said does not happen. */
export interface Configuration {
  /** What is there at first, and after each commit. */
  readonly history: readonly Commit[];
  /** Versions of these states where they disagree with the order of commits. */
  readonly clock?: readonly number[];
  /** States whose version is of the other kind, which is longer. */
  readonly otherKind?: readonly number[];
  /** Whether deletes have a rank above the row that they remove. */
  readonly rank?: false;

  /** Readers that ask for leases. */
  readonly readers: number;
  /** Readers that SET what they read. */
  readonly plainReaders?: number;
  /** Readers ask for leases though there is a value. */
  readonly refresh?: boolean;
  /** Replies to readers that ask get lost; they ask again with the same token, as clients do that send again. */
  readonly lostReplies?: boolean;
  /** Readers say the version of what they read. */
  readonly versions?: boolean;
  /** Readers may read a replica, unless they are told of a hold. */
  readonly replicaReads?: boolean;
  /** Readers read a replica although they are told of a hold. */
  readonly heedless?: boolean;
  /** During a hold they may read a replica that has executed the lease's GTID. */
  readonly caughtUpReads?: boolean;

  /** What the daemon sends for a change; `update` for a row that is there, else `invalidate`. */
  readonly command: 'UNLINK K' | 'UNLINK K M' | 'invalidate' | 'update';
  readonly create?: boolean;
  readonly hold?: boolean;
  /** Changes of which the daemon knows no GTID. */
  readonly withoutGtid?: readonly number[];
  /** Whether a change waits until its row is visible. */
  readonly barrier?: false;
  /** Whether what was applied already is only invalidated when it comes again. */
  readonly replaysInvalidate?: false;
  /** Whether a refused update is followed by an invalidation. */
  readonly refusedInvalidates?: false;
  /** A second delete, once a plain reader that read before the first has done its SET. */
  readonly redelete?: boolean;

  /** How often something goes by itself, and what; without `evicts` K, M or both. */
  readonly evictions?: number;
  readonly evicts?: 'K' | 'M';
  /** How often the daemon goes back to an earlier event, knowing how far it was. */
  readonly rewinds?: number;
  /** How often it goes back, knowing only the earlier event. */
  readonly crashes?: number;
  /** Another daemon, which may stop for any time and go on, applies the same events. */
  readonly oldDaemon?: boolean;
  /** How often Redis' replica, which may lack the last writes, becomes its primary. */
  readonly failovers?: number;
  /** Whether the daemon then goes back to before the loss. */
  readonly replay?: boolean;
  /** Events are purged; what is flushed then. `K after the leases` waits until all have expired. */
  readonly gap?: 'K' | 'K after the leases' | 'K and M';

  /** The line that the scripts lack. */
  readonly missing?: Line;
  readonly property?: Property;
}

/** With the number of states that all its schedules lead to, so that nobody makes the model smaller unseen. */
export interface Counted extends Configuration {
  readonly states: number;
}

/**
 * `converges`: once nothing is left to apply, K is absent or as the row is. `never goes back`: no value follows a
 * newer one. `one reader a lease`: no lease is given while another is live. `no idle lease`: no live lease belongs to a
 * reader that has filled. `only what was asked for`: nothing is cached that no reader has stored before.
 * `a replica waits for the hold`: what a replica gave is not stored during a hold. `what is known stays`: no update drops
 * a value whose version is the floor.
 */
export type Property =
  | 'converges'
  | 'never goes back'
  | 'one reader a lease'
  | 'no idle lease'
  | 'only what was asked for'
  | 'a replica waits for the hold'
  | 'what is known stays';

/** Texts that stand for the states of a configuration. */
export interface Tokens {
  /** Of a row as it is in the state: what its reader says; '' for no row. */
  readonly row: readonly string[];
  /** Of the change that led to the state: what the daemon says; '' if it has none. */
  readonly change: readonly string[];
  /** All that can be a floor; 0 stands for none. */
  readonly floors: readonly (string | undefined)[];
}

export function tokensOf({ history, clock, otherKind = [], rank }: Configuration): Tokens {
  const row: string[] = [];
  const change: string[] = [];
  let version = 0;
  for (const [state, commit] of history.entries()) {
    const prefix = otherKind.includes(state) ? '0' : '';
    if (commit === 'row') version = clock?.[state] ?? state;
    const text = `${prefix}${version}`;
    row.push(commit === 'gone' ? '' : `${text}0`);
    change.push(commit === 'unversioned' ? '' : `${text}${commit === 'gone' && rank !== false ? '1' : '0'}`);
  }
  const floors = [undefined, ...new Set([...row, ...change].filter((text) => text !== ''))];
  return { row, change, floors };
}
