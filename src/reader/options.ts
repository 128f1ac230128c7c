import type { DurationText } from '../duration/duration.ts';
import type { ReadSource } from '../protocol/scripts.ts';
import type { CacheClient } from './cache-client.ts';
import type { Codec } from './codec.ts';
import type { RowVersion } from './loader.ts';
import type { ReaderObserver } from './observer.ts';

/** A whole number of ms, or a text as in the daemon's configuration: `500ms`, `5s`, `10m`, `1h`, `1d`. */
export type Duration = number | DurationText;

/**
 * Where loaders read, unless they say so themselves. `as-told`: the primary when `readFrom` says so, else a replica.
 * That a replica has caught up only the loader knows, each time.
 */
export type SourceOption = Exclude<ReadSource, 'caught-up'> | 'as-told';

export interface BreakerOptions {
  /** Consecutive failures that open it; 5 by default. */
  readonly failures?: number;
  /** How long it stays open before a probe; 1 s by default. */
  readonly openFor?: Duration;
}

export interface LoadLimitOptions {
  /** Loads that run at the same time; 20 by default. */
  readonly concurrent?: number;
  /** Loads that wait for their turn, more are refused; 1,000 by default. */
  readonly queue?: number;
  /** How long one waits for its turn; 1 s by default. */
  readonly maxWait?: Duration;
}

export interface StaleOptions {
  /** Values that are kept; 1,000 by default. */
  readonly maxEntries?: number;
  /** Their size in memory, bytes; 16 MiB by default. */
  readonly maxBytes?: number;
  /** How long after it was last seen a value may be served; 1 min by default. */
  readonly maxAge?: Duration;
  /** Whether one is served when a load fails too; false by default. */
  readonly onError?: boolean;
}

export interface EarlyRefreshOptions {
  /** Above 1 refreshes earlier; 1 by default. */
  readonly beta?: number;
  /** Keys whose expiry is known; 10,000 by default. */
  readonly maxKeys?: number;
  /** Refreshes that run at once; 4 by default. */
  readonly concurrent?: number;
}

export interface ReaderOptions {
  readonly redis: CacheClient;
  readonly source: SourceOption;
  /** How old a cached value can become where nothing invalidates it; 10 min by default. */
  readonly ttl?: Duration;
  /** How much shorter TTLs are at random; 0.1 by default, a tenth. */
  readonly ttlJitter?: number;
  /** How long it is known that a row is absent; 5 s by default, 0: not at all. */
  readonly absentTtl?: Duration;
  /** How long one reader has the right to fill; 5 s by default. Longer than a load takes. */
  readonly lease?: Duration;
  /** How long a reader waits for another one's fill; 500 ms by default. */
  readonly wait?: Duration;
  /** How long versions are known beyond the value; 10 min by default. */
  readonly tombstone?: Duration;
  /** How long readers read the primary after an invalidation by this reader; 0 by default: no replicas are read. */
  readonly hold?: Duration;
  /** How long one Redis command may take; 100 ms by default. */
  readonly redisTimeout?: Duration;
  /** How long an invalidation may take; 1 s by default. */
  readonly invalidateTimeout?: Duration;
  /** How long a load may take; 30 s by default. */
  readonly loadTimeout?: Duration;
  /** Commands that the client may owe a reply at once; 50,000 by default. Beyond, Redis counts as down. */
  readonly maxPending?: number;
  readonly breaker?: BreakerOptions;
  /** Of loads without a lease. */
  readonly loadLimit?: LoadLimitOptions;
  /** Off by default. */
  readonly stale?: StaleOptions | undefined;
  /** Off by default. */
  readonly earlyRefresh?: EarlyRefreshOptions | undefined;
  /** False says for certain that a key has no row: neither Redis nor the database is asked. */
  readonly mayExist?: ((key: string) => boolean) | undefined;
  /** `client_id` of the daemon, for `waitFor`. */
  readonly clientId?: string | undefined;
  readonly observer?: ReaderObserver | undefined;
}

/** Options of one read; those that are missing are the reader's. */
export interface ReadOptions<V> {
  /** JSON by default. One key has one codec. */
  readonly codec?: Codec<V>;
  readonly ttl?: Duration;
  readonly absentTtl?: Duration;
  readonly source?: SourceOption;
  /** The row's version. */
  readonly version?: (value: V) => RowVersion;
  /** A hit is served, and what is loaded is not stored. */
  readonly noFill?: boolean;
  /** The load reads in a transaction: its result is for its caller alone, and the cache is not used. */
  readonly inTransaction?: boolean;
}

/** Options of one wait for the daemon. */
export interface WaitForOptions {
  /** 1 s by default. */
  readonly timeout?: Duration;
}
