import type { ReadSource } from '../protocol/scripts.ts';
import type { BreakerOptions } from './breaker.ts';
import type { CacheClient } from './cache-client.ts';
import { jsonCodec } from './codec.ts';
import type { Codec } from './codec.ts';
import { ReaderError } from './errors.ts';
import type { LoadLimitOptions } from './load-limit.ts';
import type { RowVersion } from './loader.ts';
import type { ReaderObserver } from './observer.ts';

/**
 * Where loaders read, unless they say so themselves. `as-told`: the primary when `readFrom` says so, else a replica.
 * That a replica has caught up only the loader knows, each time.
 */
export type SourceOption = Exclude<ReadSource, 'caught-up'> | 'as-told';

export interface StaleOptions {
  /** Values that are kept; 1,000 by default. */
  readonly maxEntries?: number;
  /** Their size in memory, bytes; 16 MiB by default. */
  readonly maxBytes?: number;
  /** How long after it was last seen a value may be served, ms; 60,000 by default. */
  readonly maxAgeMs?: number;
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

/** All times are ms. */
export interface ReaderOptions {
  readonly redis: CacheClient;
  readonly source: SourceOption;
  /** How old a cached value can become where nothing invalidates it; 600,000 by default. */
  readonly ttlMs?: number;
  /** How much shorter TTLs are at random; 0.1 by default, a tenth. */
  readonly ttlJitter?: number;
  /** How long it is known that a row is absent; 5,000 by default, 0: not at all. */
  readonly absentTtlMs?: number;
  /** How long one reader has the right to fill; 5,000 by default. Longer than a load takes. */
  readonly leaseMs?: number;
  /** How long a reader waits for another one's fill; 500 by default. */
  readonly waitMs?: number;
  /** How long versions are known beyond the value; 600,000 by default. */
  readonly tombstoneMs?: number;
  /** How long readers read the primary after an invalidation by this reader; 0 by default: no replicas are read. */
  readonly holdMs?: number;
  /** How long one Redis command may take; 100 by default. */
  readonly redisTimeoutMs?: number;
  /** How long an invalidation may take; 1,000 by default. */
  readonly invalidateTimeoutMs?: number;
  /** How long a load may take; 30,000 by default. */
  readonly loadTimeoutMs?: number;
  /** Commands that the client may owe a reply at once; 50,000 by default. Beyond, Redis counts as down. */
  readonly maxPending?: number;
  /** Opens after 5 consecutive failures, for 1,000 ms, by default. */
  readonly breaker?: Partial<BreakerOptions>;
  /** Loads without a lease: 20 at once, 1,000 wait for 1,000 ms at most, by default. */
  readonly loadLimit?: Partial<LoadLimitOptions>;
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
  readonly ttlMs?: number;
  readonly absentTtlMs?: number;
  readonly source?: SourceOption;
  /** The row's version. */
  readonly version?: (value: V) => RowVersion;
  /** A hit is served, and what is loaded is not stored. */
  readonly noFill?: boolean;
  /** The load reads in a transaction: its result is for its caller alone, and the cache is not used. */
  readonly inTransaction?: boolean;
}

/** The reader's options with their defaults. */
export type Settings = Readonly<
  Required<
    Pick<
      ReaderOptions,
      | 'source'
      | 'ttlMs'
      | 'ttlJitter'
      | 'absentTtlMs'
      | 'leaseMs'
      | 'waitMs'
      | 'tombstoneMs'
      | 'holdMs'
      | 'redisTimeoutMs'
      | 'invalidateTimeoutMs'
      | 'loadTimeoutMs'
      | 'maxPending'
    >
  >
> & {
  readonly breaker: BreakerOptions;
  readonly loadLimit: LoadLimitOptions;
};

/** @throws ReaderError UNSTALE_READER_OPTIONS that names the first option that cannot be */
export function settingsOf(options: ReaderOptions): Settings {
  const { source, breaker, loadLimit } = options;
  if (!['primary', 'replica', 'as-told'].includes(source))
    throw new ReaderError('UNSTALE_READER_OPTIONS', "source says where loads read: 'primary', …");
  const jitter = options.ttlJitter ?? 0.1;
  if (!(jitter >= 0 && jitter < 1))
    throw new ReaderError('UNSTALE_READER_OPTIONS', 'ttlJitter is from 0 to below 1');
  return {
    source,
    ttlMs: whole('ttlMs', options.ttlMs ?? 600_000, 1),
    ttlJitter: jitter,
    absentTtlMs: whole('absentTtlMs', options.absentTtlMs ?? 5_000, 0),
    leaseMs: whole('leaseMs', options.leaseMs ?? 5_000, 1),
    waitMs: whole('waitMs', options.waitMs ?? 500, 0),
    tombstoneMs: whole('tombstoneMs', options.tombstoneMs ?? 600_000, 0),
    holdMs: whole('holdMs', options.holdMs ?? 0, 0),
    redisTimeoutMs: whole('redisTimeoutMs', options.redisTimeoutMs ?? 100, 1),
    invalidateTimeoutMs: whole('invalidateTimeoutMs', options.invalidateTimeoutMs ?? 1_000, 1),
    loadTimeoutMs: whole('loadTimeoutMs', options.loadTimeoutMs ?? 30_000, 1),
    maxPending: whole('maxPending', options.maxPending ?? 50_000, 1),
    breaker: {
      failures: whole('breaker.failures', breaker?.failures ?? 5, 1),
      openMs: whole('breaker.openMs', breaker?.openMs ?? 1_000, 1),
    },
    loadLimit: {
      concurrent: whole('loadLimit.concurrent', loadLimit?.concurrent ?? 20, 1),
      queue: whole('loadLimit.queue', loadLimit?.queue ?? 1_000, 0),
      maxWaitMs: whole('loadLimit.maxWaitMs', loadLimit?.maxWaitMs ?? 1_000, 1),
    },
  };
}

export function codecOf<V>(options: ReadOptions<V>): Codec<V> {
  return options.codec ?? jsonCodec<V>();
}

/** Longer times than this a timer cannot wait, ms; about 24 days. */
const LONGEST = 2 ** 31 - 1;

/** @throws ReaderError UNSTALE_READER_OPTIONS */
export function whole(name: string, value: number, least: number): number {
  if (Number.isInteger(value) && value >= least && value <= LONGEST) return value;
  throw new ReaderError('UNSTALE_READER_OPTIONS', `${name} is a whole number from ${least} on, not ${value}`);
}
