import { appliedKey } from '../protocol/applied.ts';
import { createAppliedWait } from './applied-wait.ts';
import type { BreakerState } from './breaker.ts';
import { createBypass } from './bypass.ts';
import type { ReaderCore } from './core.ts';
import { decodeEntry, UNDECODABLE } from './entry.ts';
import { ReaderError } from './errors.ts';
import { createFlights } from './flights.ts';
import type { Flight } from './flights.ts';
import { invalidateKeys } from './invalidate.ts';
import type { InvalidatedKey, InvalidateOptions } from './invalidate.ts';
import { createLastKnown } from './last-known.ts';
import { createLoadLimit } from './load-limit.ts';
import type { Load, LoadMany } from './loader.ts';
import { createLoads } from './loads.ts';
import { safeObserver } from './observer.ts';
import { codecOf, settingsOf, whole } from './options.ts';
import type { ReaderOptions, ReadOptions } from './options.ts';
import { loadManyUnleased, readMany } from './read-many.ts';
import { loadUnleased, readThrough } from './read-through.ts';
import { createRedisCalls } from './redis-calls.ts';
import { createRefreshSchedule } from './refresh-schedule.ts';
import { refreshWhenDue } from './refresh.ts';

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
  const settings = settingsOf(options);
  const observer = safeObserver(options.observer);
  const { redis: client, clientId, mayExist } = options;
  const { maxPending } = settings;
  const calls = createRedisCalls({
    timeoutMs: settings.redisTimeoutMs,
    maxPending,
    breaker: settings.breaker,
    observer,
  });
  // Deletes are tried whatever became of reads.
  const deletes = createRedisCalls({
    timeoutMs: settings.invalidateTimeoutMs,
    maxPending,
    breaker: { failures: Infinity, openMs: 1 },
    observer,
  });
  const core: ReaderCore = {
    client,
    calls,
    settings,
    observer,
    loads: createLoads(settings.loadTimeoutMs, observer),
    limit: createLoadLimit(settings.loadLimit),
    lastKnown: options.stale && createLastKnown(options.stale),
    schedule: options.earlyRefresh && createRefreshSchedule(options.earlyRefresh),
  };
  const flights = createFlights();
  const bypass = createBypass();
  const applied =
    clientId === undefined
      ? undefined
      : createAppliedWait(() => calls.ask('applied', () => client.get(appliedKey(clientId))));
  let closed = false;

  const isFiltered = (key: string): boolean => {
    if (mayExist === undefined || isPossible(mayExist, key)) return false;
    observer.filtered(key);
    return true;
  };
  const isBypassed = (key: string): boolean => {
    if (!bypass.has(key)) return false;
    observer.bypass(key);
    return true;
  };

  const forget = (key: string): void => {
    flights.drop(key);
    core.lastKnown?.delete(key);
    core.schedule?.forget(key);
  };

  function get<V>(key: string, load: Load<V>, options: ReadOptions<V> = DEFAULTS): Promise<V | undefined> {
    if (closed) return Promise.reject(new ReaderError('UNSTALE_READER_CLOSED'));
    const isShared = options.noFill !== true;
    if (options.inTransaction === true)
      return loadUnleased(core, { key, load, options, flight: undefined }, 'transaction');
    const shared = isShared ? flights.get(key) : undefined;
    if (shared !== undefined) return shared.promise as Promise<V | undefined>;
    if (isFiltered(key)) return Promise.resolve(undefined);

    const flight = flights.begin<V>(key, isShared);
    const read = { key, load, options, flight };
    if (isBypassed(key)) {
      flight.follow(loadUnleased(core, read, 'bypass'));
      return flight.promise;
    }
    const codec = codecOf(options);
    calls.run<string | Buffer | null>({
      command: 'get',
      send: () => (codec.reads === 'text' ? client.get(key) : client.getBytes(key)),
      onReply(stored) {
        if (stored === null) {
          observer.miss(key);
          flight.follow(isShared ? readThrough(core, read) : loadUnleased(core, read, 'no-fill'));
          return;
        }
        const value = decodeEntry(codec, stored);
        if (value === UNDECODABLE) {
          observer.miss(key);
          flight.follow(loadUnleased(core, read, 'undecodable'));
          return;
        }
        observer.hit(key, value === undefined);
        if (core.lastKnown !== undefined && !flight.isDropped) core.lastKnown.record(key, stored);
        if (core.schedule !== undefined) refreshWhenDue(core, core.schedule, read);
        flight.resolve(value);
      },
      onFailure(error) {
        flight.follow(loadUnleased(core, read, isWrongType(error) ? 'type' : 'redis'));
      },
    });
    return flight.promise;
  }

  async function getMany<V>(
    keys: readonly string[],
    loadMany: LoadMany<V>,
    options: ReadOptions<V> = DEFAULTS,
  ): Promise<Map<string, V>> {
    if (closed) throw new ReaderError('UNSTALE_READER_CLOSED');
    const { inTransaction = false, noFill = false } = options;
    const joined: Flight<V>[] = [];
    const direct: Flight<V>[] = [];
    const bypassed: Flight<V>[] = [];
    const cached: Flight<V>[] = [];
    for (const key of new Set(keys)) {
      if (inTransaction) {
        direct.push(flights.begin<V>(key, false));
        continue;
      }
      const shared = noFill ? undefined : flights.get(key);
      if (shared !== undefined) joined.push(shared as Flight<V>);
      else if (!isFiltered(key)) {
        const group = isBypassed(key) ? bypassed : cached;
        group.push(flights.begin<V>(key, !noFill));
      }
    }
    const batch = { core, loadMany, options };
    endAll(direct, loadManyUnleased(batch, direct, 'transaction'));
    endAll(bypassed, loadManyUnleased(batch, bypassed, 'bypass'));
    endAll(cached, readMany(batch, cached));
    const found = await Promise.all(
      [...joined, ...direct, ...bypassed, ...cached].map(
        async ({ key, promise }) => [key, await promise] as const,
      ),
    );
    return new Map(found.filter((entry): entry is [string, Awaited<V>] => entry[1] !== undefined));
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
    getMany,
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
      return bypass.add(prefix);
    },
    bypassed: () => bypass.list(),
    close() {
      closed = true;
      core.limit.close();
      core.loads.close();
      applied?.close();
    },
  };
}

/** A filter that fails excludes nothing. */
function isPossible(mayExist: (key: string) => boolean, key: string): boolean {
  try {
    return mayExist(key);
  } catch {
    return true;
  }
}

/** What ends the flights should not fail; if it does, they fail with it instead of never ending. */
function endAll(flights: readonly Flight<unknown>[], ending: Promise<void>): void {
  ending.catch((error: unknown) => {
    for (const flight of flights) flight.reject(error);
  });
}

function isWrongType(error: unknown): boolean {
  return error instanceof Error && error.message.startsWith('WRONGTYPE');
}
