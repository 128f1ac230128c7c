import { LONGEST_DURATION, parseDurationText } from '../duration/duration.ts';
import type { BreakerSettings } from './breaker.ts';
import { jsonCodec } from './codec.ts';
import type { Codec } from './codec.ts';
import { ReaderError } from './errors.ts';
import { requireReaderOptions, requireReadOptions } from './known-options.ts';
import type { LastKnownSettings } from './last-known.ts';
import type { LoadLimitSettings } from './load-limit.ts';
import type { RowVersion } from './loader.ts';
import type { Duration, ReaderOptions, ReadOptions, SourceOption, StaleOptions } from './options.ts';

/** What a reader takes for options that are missing. docs/reader.md lists the same. */
export const DEFAULTS = {
  ttl: '10m',
  ttlJitter: 0.1,
  absentTtl: '5s',
  lease: '5s',
  wait: '500ms',
  tombstone: '10m',
  hold: '0ms',
  redisTimeout: '100ms',
  invalidateTimeout: '1s',
  loadTimeout: '30s',
  maxPending: 50_000,
  breaker: { failures: 5, openFor: '1s' },
  loadLimit: { concurrent: 20, queue: 1_000, maxWait: '1s' },
} as const satisfies Partial<ReaderOptions>;

/** The reader's options with their defaults, and times in ms. */
export interface Settings {
  readonly source: SourceOption;
  readonly ttlMs: number;
  readonly ttlJitter: number;
  readonly absentTtlMs: number;
  readonly leaseMs: number;
  readonly waitMs: number;
  readonly tombstoneMs: number;
  readonly holdMs: number;
  readonly redisTimeoutMs: number;
  readonly invalidateTimeoutMs: number;
  readonly loadTimeoutMs: number;
  readonly maxPending: number;
  readonly breaker: BreakerSettings;
  readonly loadLimit: LoadLimitSettings;
  readonly stale: LastKnownSettings | undefined;
}

/** @throws ReaderError UNSTALE_READER_OPTIONS that names the first option that cannot be */
export function settingsOf(options: ReaderOptions): Settings {
  requireReaderOptions(options);
  const { breaker, loadLimit } = options;
  const jitter = options.ttlJitter ?? DEFAULTS.ttlJitter;
  if (!(jitter >= 0 && jitter < 1))
    throw new ReaderError('UNSTALE_READER_OPTIONS', 'ttlJitter is from 0 to below 1');
  return {
    source: sourceOption(options.source),
    ttlMs: milliseconds('ttl', options.ttl ?? DEFAULTS.ttl, 1),
    ttlJitter: jitter,
    absentTtlMs: milliseconds('absentTtl', options.absentTtl ?? DEFAULTS.absentTtl, 0),
    leaseMs: milliseconds('lease', options.lease ?? DEFAULTS.lease, 1),
    waitMs: milliseconds('wait', options.wait ?? DEFAULTS.wait, 0),
    tombstoneMs: milliseconds('tombstone', options.tombstone ?? DEFAULTS.tombstone, 0),
    holdMs: milliseconds('hold', options.hold ?? DEFAULTS.hold, 0),
    redisTimeoutMs: milliseconds('redisTimeout', options.redisTimeout ?? DEFAULTS.redisTimeout, 1),
    invalidateTimeoutMs: milliseconds(
      'invalidateTimeout',
      options.invalidateTimeout ?? DEFAULTS.invalidateTimeout,
      1,
    ),
    loadTimeoutMs: milliseconds('loadTimeout', options.loadTimeout ?? DEFAULTS.loadTimeout, 1),
    maxPending: whole('maxPending', options.maxPending ?? DEFAULTS.maxPending, 1),
    breaker: {
      failures: whole('breaker.failures', breaker?.failures ?? DEFAULTS.breaker.failures, 1),
      openMs: milliseconds('breaker.openFor', breaker?.openFor ?? DEFAULTS.breaker.openFor, 1),
    },
    loadLimit: {
      concurrent: whole('loadLimit.concurrent', loadLimit?.concurrent ?? DEFAULTS.loadLimit.concurrent, 1),
      queue: whole('loadLimit.queue', loadLimit?.queue ?? DEFAULTS.loadLimit.queue, 0),
      maxWaitMs: milliseconds('loadLimit.maxWait', loadLimit?.maxWait ?? DEFAULTS.loadLimit.maxWait, 1),
    },
    stale: options.stale && lastKnownSettings(options.stale),
  };
}

function lastKnownSettings({
  maxEntries = 1_000,
  maxBytes = 16 * 1024 * 1024,
  maxAge = '1m',
  onError = false,
}: StaleOptions): LastKnownSettings {
  return { maxEntries, maxBytes, maxAgeMs: milliseconds('stale.maxAge', maxAge, 0), onError };
}

/** The options of one read, with the reader's where they are missing, and times in ms. */
export interface ReadSettings<V> {
  readonly codec: Codec<V>;
  readonly ttlMs: number;
  readonly absentTtlMs: number;
  readonly source: SourceOption;
  readonly version: ((value: V) => RowVersion) | undefined;
  readonly noFill: boolean;
  readonly inTransaction: boolean;
}

/** @throws ReaderError UNSTALE_READER_OPTIONS that names the first option that cannot be */
export function readSettingsOf<V>(options: ReadOptions<V>, settings: Settings): ReadSettings<V> {
  requireReadOptions(options);
  const { codec, ttl, absentTtl, source, version, noFill = false, inTransaction = false } = options;
  return {
    codec: codec ?? jsonCodec<V>(),
    ttlMs: ttl === undefined ? settings.ttlMs : milliseconds('ttl', ttl, 1),
    absentTtlMs: absentTtl === undefined ? settings.absentTtlMs : milliseconds('absentTtl', absentTtl, 0),
    source: source === undefined ? settings.source : sourceOption(source),
    version,
    noFill,
    inTransaction,
  };
}

/**
 * The duration that an option gives.
 * @throws ReaderError UNSTALE_READER_OPTIONS
 */
export function milliseconds(name: string, given: Duration, least: 0 | 1): number {
  const value = typeof given === 'string' ? parseDurationText(given) : given;
  if (value !== undefined && isWithin(value, least)) return value;
  const wanted = `from ${least}ms to 596h: a whole number of ms, or a text such as '500ms', '5s', '10m', '1h'`;
  throw new ReaderError('UNSTALE_READER_OPTIONS', `${name} is ${wanted}; not ${told(given)}`);
}

/** @throws ReaderError UNSTALE_READER_OPTIONS */
function whole(name: string, value: number, least: 0 | 1): number {
  if (isWithin(value, least)) return value;
  throw new ReaderError(
    'UNSTALE_READER_OPTIONS',
    `${name} is a whole number from ${least} on, not ${told(value)}`,
  );
}

function isWithin(value: number, least: number): boolean {
  return Number.isInteger(value) && value >= least && value <= LONGEST_DURATION;
}

/** @throws ReaderError UNSTALE_READER_OPTIONS */
function sourceOption(given: SourceOption): SourceOption {
  if (['primary', 'replica', 'as-told'].includes(given)) return given;
  throw new ReaderError(
    'UNSTALE_READER_OPTIONS',
    `source says where loads read: 'primary', 'replica' or 'as-told'; not ${told(given)}`,
  );
}

function told(given: unknown): string {
  return typeof given === 'string' ? `'${given}'` : String(given);
}
