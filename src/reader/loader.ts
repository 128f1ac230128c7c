import type { ReadSource } from '../protocol/scripts.ts';

/** What a loader is told. */
export interface LoadContext {
  /**
   * `primary`: what a replica says could not be stored, since it may lack the last change. `any`: a replica is good
   * enough, where the row brings a version.
   */
  readonly readFrom: 'primary' | 'any';
  /**
   * GTIDs of the last change of what is loaded, '' if unknown. A replica that has executed them
   * (`WAIT_FOR_EXECUTED_GTID_SET`) is `caught-up`.
   */
  readonly gtid: string;
  /** Whether what is loaded may be stored. */
  readonly isLeased: boolean;
  /** Aborted when the load takes too long or the reader is closed: whoever waited has given up. */
  readonly signal: AbortSignal;
}

/** A value of a version column: see `rowVersion` in docs/protocol.md. */
export type RowVersion = string | number | bigint | Date | null | undefined;

export interface LoadedDetails {
  /** Of the row; without it the load has to come from the primary to be stored. */
  readonly version?: RowVersion;
  /** Where it was read; the option `source` by default. */
  readonly source?: ReadSource;
}

class LoadedValue<V> {
  readonly value: V | null | undefined;
  readonly details: LoadedDetails;

  constructor(value: V | null | undefined, details: LoadedDetails) {
    this.value = value;
    this.details = details;
  }
}

/** A value and how it was read. */
export type Loaded<V> = LoadedValue<V>;

/** What a loader returns where it knows the version, or where it read: `loaded(row, { source: 'replica' })`. */
export function loaded<V>(value: V | null | undefined, details: LoadedDetails): Loaded<V> {
  return new LoadedValue(value, details);
}

/** What a loader gives for one key. Null and undefined say that there is no row. */
export type LoadResult<V> = V | Loaded<V> | null | undefined;

export type Load<V> = (context: LoadContext) => LoadResult<V> | Promise<LoadResult<V>>;

/** A key that is missing in the map has no row. */
export type LoadMany<V> = (
  keys: readonly string[],
  context: LoadContext,
) => ReadonlyMap<string, LoadResult<V>> | Promise<ReadonlyMap<string, LoadResult<V>>>;

/** The value alone, undefined where there is no row. */
export function valueOf<V>(result: LoadResult<V>): V | undefined {
  return (result instanceof LoadedValue ? result.value : result) ?? undefined;
}

export function detailsOf<V>(result: LoadResult<V>): LoadedDetails {
  return result instanceof LoadedValue ? result.details : {};
}
