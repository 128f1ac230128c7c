import { appliedKey } from '../protocol/applied.ts';
import { createAppliedWait } from './applied-wait.ts';
import type { BreakerState } from './breaker.ts';
import type { ReaderCore } from './core.ts';
import { ReaderError } from './errors.ts';
import { createFlights } from './flights.ts';
import { createGate } from './gate.ts';
import { getMany } from './get-many.ts';
import { invalidateKeys } from './invalidate.ts';
import type { InvalidatedKey, InvalidateOptions } from './invalidate.ts';
import { createLastKnown } from './last-known.ts';
import { createLoadLimit } from './load-limit.ts';
import type { Load, LoadMany } from './loader.ts';
import { createLoads } from './loads.ts';
import { safeObserver } from './observer.ts';
import type { ReaderOptions, ReadOptions, WaitForOptions } from './options.ts';
import { readOne } from './read-one.ts';
import { loadUnleased } from './read-through.ts';
import { createRedisCalls } from './redis-calls.ts';
import { createRefreshSchedule } from './refresh-schedule.ts';
import { requireInvalidateOptions, requireWaitForOptions } from './known-options.ts';
import { milliseconds, readSettingsOf, settingsOf } from './settings.ts';
import type { ReadSettings } from './settings.ts';

/** Reads rows through Redis so that no old row outlives the change that made it old. */
export interface Reader {
  /** Whether Redis is used. */
  readonly breaker: BreakerState;
  /**
   * The value of a key, loaded where Redis has none; undefined where there is no row. Callers that ask at the same
   * time share one answer, the object included.
   * @throws what the loader throws; ReaderError UNSTALE_READER_LOAD_LIMIT, UNSTALE_READER_LOAD_TIMEOUT,
   *   UNSTALE_READER_OPTIONS
   */
  get<V>(key: string, load: Load<V>, options?: ReadOptions<V>): Promise<V | undefined>;
  /** The values of those of the keys that have one; the others are loaded together. @throws as `get` */
  getMany<V>(keys: readonly string[], load: LoadMany<V>, options?: ReadOptions<V>): Promise<Map<string, V>>;
  /**
   * Removes keys after a commit, without waiting for the daemon. Resolves with how many existed.
   * @throws ReaderError UNSTALE_READER_INVALIDATE, UNSTALE_READER_OPTIONS
   */
  invalidate(
    keys: string | InvalidatedKey | readonly (string | InvalidatedKey)[],
    options?: InvalidateOptions,
  ): Promise<number>;
  /**
   * Waits until the daemon has applied a transaction to Redis: true then, false when the time, 1 s by default, is
   * over.
   * @throws ReaderError UNSTALE_READER_GTID, or UNSTALE_READER_OPTIONS, also without `clientId`
   */
  waitFor(gtid: string, options?: WaitForOptions): Promise<boolean>;
  /** Reads keys that begin with `prefix` from the database until the returned function is called. */
  bypass(prefix: string): () => void;
  /** The prefixes that are read from the database. */
  bypassed(): readonly string[];
  /** Ends what waits. The Redis client stays open: it is the application's. */
  close(): void;
}

/** @throws ReaderError UNSTALE_READER_OPTIONS */
export function createReader(options: ReaderOptions): Reader {
  const core = createCore(options);
  const { calls, settings, observer } = core;
  const { redis: client, clientId } = options;
  // Deletes are tried whatever became of reads.
  const deletes = createRedisCalls({
    timeoutMs: settings.invalidateTimeoutMs,
    maxPending: settings.maxPending,
    breaker: { failures: Infinity, openMs: 1 },
    observer,
  });
  const flights = createFlights();
  const gate = createGate(options.mayExist, observer);
  const applied =
    clientId === undefined
      ? undefined
      : createAppliedWait(() => calls.ask('applied', () => client.get(appliedKey(clientId))));
  let closed = false;

  const forget = (key: string): void => {
    flights.drop(key);
    core.lastKnown?.delete(key);
    core.schedule?.forget(key);
  };

  function get<V>(key: string, load: Load<V>, options: ReadOptions<V> = {}): Promise<V | undefined> {
    if (closed) return Promise.reject(new ReaderError('UNSTALE_READER_CLOSED'));
    let read: ReadSettings<V>;
    try {
      read = readSettingsOf(options, settings);
    } catch (error) {
      return Promise.reject(error);
    }
    if (read.inTransaction)
      return loadUnleased(core, { key, load, settings: read, flight: undefined }, 'transaction');
    const isShared = !read.noFill;
    const shared = isShared ? flights.get(key) : undefined;
    if (shared !== undefined) return shared.promise as Promise<V | undefined>;
    if (gate.isFiltered(key)) return Promise.resolve(undefined);

    const flight = flights.begin<V>(key, isShared);
    if (gate.isBypassed(key))
      flight.follow(loadUnleased(core, { key, load, settings: read, flight }, 'bypass'));
    else readOne(core, flight, load, read);
    return flight.promise;
  }

  async function invalidate(
    given: string | InvalidatedKey | readonly (string | InvalidatedKey)[],
    options: InvalidateOptions = {},
  ): Promise<number> {
    if (closed) throw new ReaderError('UNSTALE_READER_CLOSED');
    requireInvalidateOptions(options);
    const { hold, gtid = '' } = options;
    const holdMs = hold === undefined ? settings.holdMs : milliseconds('hold', hold, 0);
    const all = typeof given === 'string' || 'key' in given ? [given] : given;
    const keys = all.map((one) => (typeof one === 'string' ? one : one.key));
    // Before and after: what begins in between may read the old value as well.
    for (const key of keys) forget(key);
    try {
      const tombstoneMs = Math.max(settings.tombstoneMs, holdMs);
      const removed = await invalidateKeys({ client, calls: deletes }, all, { tombstoneMs, holdMs, gtid });
      observer.invalidate(keys.length, removed);
      return removed;
    } finally {
      for (const key of keys) forget(key);
    }
  }

  return {
    get breaker() {
      return calls.state;
    },
    get,
    async getMany<V>(keys: readonly string[], load: LoadMany<V>, options: ReadOptions<V> = {}) {
      if (closed) throw new ReaderError('UNSTALE_READER_CLOSED');
      return getMany({ core, flights, gate }, keys, load, readSettingsOf(options, settings));
    },
    invalidate,
    async waitFor(gtid, options: WaitForOptions = {}) {
      if (closed) throw new ReaderError('UNSTALE_READER_CLOSED');
      requireWaitForOptions(options);
      const { timeout = '1s' } = options;
      if (applied === undefined)
        throw new ReaderError(
          'UNSTALE_READER_OPTIONS',
          'waitFor needs clientId, the client_id of the daemon',
        );
      const reached = await applied.until(gtid, milliseconds('timeout', timeout, 0));
      if (reached) {
        // What was read or seen before may be what was there before.
        flights.dropAll();
        core.lastKnown?.clear();
      }
      return reached;
    },
    bypass(prefix) {
      flights.dropAll();
      return gate.bypass.add(prefix);
    },
    bypassed: () => gate.bypass.list(),
    close() {
      closed = true;
      core.limit.close();
      core.loads.close();
      applied?.close();
    },
  };
}

function createCore(options: ReaderOptions): ReaderCore {
  const settings = settingsOf(options);
  const observer = safeObserver(options.observer);
  const { redisTimeoutMs: timeoutMs, maxPending, breaker } = settings;
  return {
    client: options.redis,
    calls: createRedisCalls({ timeoutMs, maxPending, breaker, observer }),
    settings,
    observer,
    loads: createLoads(settings.loadTimeoutMs, observer),
    limit: createLoadLimit(settings.loadLimit),
    lastKnown: settings.stale && createLastKnown(settings.stale),
    schedule: options.earlyRefresh && createRefreshSchedule(options.earlyRefresh),
  };
}
