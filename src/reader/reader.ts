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
import { settingsOf, whole } from './options.ts';
import type { ReaderOptions, ReadOptions } from './options.ts';
import { readOne } from './read-one.ts';
import { loadUnleased } from './read-through.ts';
import { createRedisCalls } from './redis-calls.ts';
import { createRefreshSchedule } from './refresh-schedule.ts';

/** Reads rows through Redis so that no old row outlives the change that made it old. */
export interface Reader {
  /** Whether Redis is used. */
  readonly breaker: BreakerState;
  /**
   * The value of a key, loaded where Redis has none; undefined where there is no row. Callers that ask at the same
   * time share one answer, the object included.
   * @throws what the loader throws; ReaderError UNSTALE_READER_LOAD_LIMIT, UNSTALE_READER_LOAD_TIMEOUT
   */
  get<V>(key: string, load: Load<V>, options?: ReadOptions<V>): Promise<V | undefined>;
  /** The values of those of the keys that have one; the others are loaded together. @throws as `get` */
  getMany<V>(keys: readonly string[], load: LoadMany<V>, options?: ReadOptions<V>): Promise<Map<string, V>>;
  /**
   * Removes keys after a commit, without waiting for the daemon. Resolves with how many existed.
   * @throws ReaderError UNSTALE_READER_INVALIDATE
   */
  invalidate(
    keys: string | InvalidatedKey | readonly (string | InvalidatedKey)[],
    options?: InvalidateOptions,
  ): Promise<number>;
  /**
   * Waits until the daemon has applied a transaction to Redis: true then, false when the time, 1,000 ms by default,
   * is over.
   * @throws ReaderError UNSTALE_READER_GTID, or UNSTALE_READER_OPTIONS without `clientId`
   */
  waitFor(gtid: string, options?: { readonly timeoutMs?: number }): Promise<boolean>;
  /** Reads keys that begin with `prefix` from the database until the returned function is called. */
  bypass(prefix: string): () => void;
  /** The prefixes that are read from the database. */
  bypassed(): readonly string[];
  /** Ends what waits. The Redis client stays open: it is the application's. */
  close(): void;
}

const DEFAULTS = Object.freeze({});

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

  function get<V>(key: string, load: Load<V>, options: ReadOptions<V> = DEFAULTS): Promise<V | undefined> {
    if (closed) return Promise.reject(new ReaderError('UNSTALE_READER_CLOSED'));
    if (options.inTransaction === true)
      return loadUnleased(core, { key, load, options, flight: undefined }, 'transaction');
    const isShared = options.noFill !== true;
    const shared = isShared ? flights.get(key) : undefined;
    if (shared !== undefined) return shared.promise as Promise<V | undefined>;
    if (gate.isFiltered(key)) return Promise.resolve(undefined);

    const flight = flights.begin<V>(key, isShared);
    if (gate.isBypassed(key)) flight.follow(loadUnleased(core, { key, load, options, flight }, 'bypass'));
    else readOne(core, flight, load, options);
    return flight.promise;
  }

  async function invalidate(
    given: string | InvalidatedKey | readonly (string | InvalidatedKey)[],
    { holdMs = settings.holdMs, gtid = '' }: InvalidateOptions = {},
  ): Promise<number> {
    if (closed) throw new ReaderError('UNSTALE_READER_CLOSED');
    const all = typeof given === 'string' || 'key' in given ? [given] : given;
    const keys = all.map((one) => (typeof one === 'string' ? one : one.key));
    // Before and after: what begins in between may read the old value as well.
    for (const key of keys) forget(key);
    try {
      const { tombstoneMs } = settings;
      const hold = whole('holdMs', holdMs, 0);
      const removed = await invalidateKeys({ client, calls: deletes }, all, {
        tombstoneMs: Math.max(tombstoneMs, hold),
        holdMs: hold,
        gtid,
      });
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
    async getMany<V>(keys: readonly string[], load: LoadMany<V>, options: ReadOptions<V> = DEFAULTS) {
      if (closed) throw new ReaderError('UNSTALE_READER_CLOSED');
      return getMany({ core, flights, gate }, keys, load, options);
    },
    invalidate,
    async waitFor(gtid, { timeoutMs = 1_000 } = {}) {
      if (closed) throw new ReaderError('UNSTALE_READER_CLOSED');
      if (applied === undefined)
        throw new ReaderError(
          'UNSTALE_READER_OPTIONS',
          'waitFor needs clientId, the client_id of the daemon',
        );
      const reached = await applied.until(gtid, whole('timeoutMs', timeoutMs, 0));
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
    lastKnown: options.stale && createLastKnown(options.stale),
    schedule: options.earlyRefresh && createRefreshSchedule(options.earlyRefresh),
  };
}
