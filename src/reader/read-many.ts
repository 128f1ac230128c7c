import type { KeyRead, ReaderCore } from './core.ts';
import { decodeEntry, UNDECODABLE } from './entry.ts';
import type { Flight } from './flights.ts';
import type { Lease, LeaseAnswer } from './lease.ts';
import { askForLease, release, waitForAnother } from './leasing.ts';
import { joinGtids } from './gtid-set.ts';
import type { LoadContext, LoadMany, LoadResult } from './loader.ts';
import { valueOf } from './loader.ts';
import type { LoadReason } from './observer.ts';
import { lastKnownInsteadOf, serveLastKnown } from './read-through.ts';
import { refreshWhenDue } from './refresh.ts';
import type { ReadSettings } from './settings.ts';
import { readFromUnder, storeLoaded } from './store.ts';

type UnleasedReason = Exclude<LoadReason, 'lease' | 'refresh'>;

/** Reads of keys that are loaded together where they have to be loaded. */
export interface Batch<V> {
  readonly core: ReaderCore;
  readonly loadMany: LoadMany<V>;
  readonly settings: ReadSettings<V>;
}

interface Leased<V> {
  readonly flight: Flight<V>;
  readonly lease: Lease;
}

/** Ends each of the flights; it does not fail itself. */
export async function readMany<V>(batch: Batch<V>, flights: readonly Flight<V>[]): Promise<void> {
  if (flights.length === 0) return;
  const { core, settings } = batch;
  const { codec } = settings;
  const keys = flights.map(({ key }) => key);
  let replies: readonly (string | Buffer | null)[];
  try {
    replies = await core.calls.ask<readonly (string | Buffer | null)[]>('mget', () =>
      codec.reads === 'text' ? core.client.getMany(keys) : core.client.getManyBytes(keys),
    );
  } catch {
    return loadManyUnleased(batch, flights, 'redis');
  }
  const missed: Flight<V>[] = [];
  const undecodable: Flight<V>[] = [];
  for (const [index, flight] of flights.entries()) {
    const stored = replies[index] ?? null;
    if (stored === null) {
      core.observer.miss(flight.key);
      missed.push(flight);
    } else if (!resolveStored(batch, flight, stored)) undecodable.push(flight);
  }
  const loading = settings.noFill ? loadManyUnleased(batch, missed, 'no-fill') : leaseMany(batch, missed);
  await Promise.all([loading, loadManyUnleased(batch, undecodable, 'undecodable')]);
}

/** Loads keys together without a lease, and stores nothing. */
export async function loadManyUnleased<V>(
  { core, loadMany, settings }: Batch<V>,
  flights: readonly Flight<V>[],
  reason: UnleasedReason,
): Promise<void> {
  if (flights.length === 0) return;
  const keys = flights.map(({ key }) => key);
  const run = async (): Promise<void> => {
    const { result } = await core.loads.run({
      keys,
      reason,
      readFrom: reason === 'transaction' ? 'primary' : 'any',
      gtid: '',
      isLeased: false,
      run: (context) => callMany(loadMany, keys, context),
    });
    for (const flight of flights) flight.resolve(valueOf(result.get(flight.key)));
  };
  try {
    await (reason === 'transaction' || reason === 'no-fill' ? run() : core.limit.run(run));
  } catch (error) {
    fail(core, flights, settings, error);
  }
}

async function leaseMany<V>(batch: Batch<V>, flights: readonly Flight<V>[]): Promise<void> {
  const leased: Leased<V>[] = [];
  const waiting: Flight<V>[] = [];
  const unleased = new Map<UnleasedReason, Flight<V>[]>();
  await Promise.all(
    flights.map(async (flight) => {
      const answer = await answerFor(batch.core, flight.key, askForLease);
      if (answer.kind === 'lease') leased.push({ flight, lease: answer.lease });
      else if (answer.kind === 'wait') waiting.push(flight);
      else sortOut(batch, flight, answer, unleased);
    }),
  );
  await Promise.all([
    loadManyLeased(batch, leased),
    waitMany(batch, waiting),
    ...[...unleased].map(([reason, some]) => loadManyUnleased(batch, some, reason)),
  ]);
}

/** Each waits for its own reader; what is left over is loaded together. */
async function waitMany<V>(batch: Batch<V>, flights: readonly Flight<V>[]): Promise<void> {
  const unleased = new Map<UnleasedReason, Flight<V>[]>();
  await Promise.all(
    flights.map(async (flight) => {
      const answer = await answerFor(batch.core, flight.key, waitForAnother);
      // At once: the lease does not last until all others have their answer.
      if (answer.kind === 'lease') await loadManyLeased(batch, [{ flight, lease: answer.lease }]);
      else sortOut(batch, flight, answer, unleased);
    }),
  );
  await Promise.all([...unleased].map(([reason, some]) => loadManyUnleased(batch, some, reason)));
}

async function loadManyLeased<V>(batch: Batch<V>, leased: readonly Leased<V>[]): Promise<void> {
  if (leased.length === 0) return;
  const { core, loadMany, settings } = batch;
  const keys = leased.map(({ flight }) => flight.key);
  const isPrimary = leased.some(({ lease }) => readFromUnder(lease) === 'primary');
  const readFrom: LoadContext['readFrom'] = isPrimary ? 'primary' : 'any';
  let outcome;
  try {
    outcome = await core.loads.run({
      keys,
      reason: 'lease',
      readFrom,
      gtid: joinGtids(leased.map(({ lease }) => lease.gtid)),
      isLeased: true,
      run: (context) => callMany(loadMany, keys, context),
    });
  } catch (error) {
    for (const { lease } of leased) release(core, lease);
    fail(
      core,
      leased.map(({ flight }) => flight),
      settings,
      error,
    );
    return;
  }
  const { result, ms } = outcome;
  await Promise.all(
    leased.map(async ({ flight, lease }) => {
      const { key } = flight;
      const loadedUnder = { result: result.get(key), ms, readFrom };
      flight.resolve(await storeLoaded(core, { key, settings, flight }, lease, loadedUnder));
    }),
  );
}

/** @throws TypeError when the loader gives no map */
async function callMany<V>(
  loadMany: LoadMany<V>,
  keys: readonly string[],
  context: LoadContext,
): Promise<ReadonlyMap<string, LoadResult<V>>> {
  const result: unknown = await loadMany(keys, context);
  if (result instanceof Map) return result as ReadonlyMap<string, LoadResult<V>>;
  throw new TypeError('a loader of many keys has to return a Map of values by key');
}

async function answerFor(
  core: ReaderCore,
  key: string,
  ask: (core: ReaderCore, key: string) => Promise<LeaseAnswer>,
): Promise<LeaseAnswer | { readonly kind: 'failed' }> {
  try {
    return await ask(core, key);
  } catch {
    return { kind: 'failed' };
  }
}

/** Resolves what needs no load, and puts the others where the reason of their load says. */
function sortOut<V>(
  batch: Batch<V>,
  flight: Flight<V>,
  answer: Exclude<LeaseAnswer, { kind: 'lease' }> | { readonly kind: 'failed' },
  unleased: Map<UnleasedReason, Flight<V>[]>,
): void {
  if (answer.kind === 'hit' && resolveStored(batch, flight, answer.value)) return;
  if (answer.kind === 'wait') {
    const known = serveLastKnown(batch.core, readOf(flight, batch.settings), 'wait');
    if (known !== undefined) {
      flight.resolve(known.value);
      return;
    }
  }
  const reasons = { hit: 'undecodable', wait: 'wait', bypass: 'type', failed: 'redis' } as const;
  const reason = reasons[answer.kind];
  unleased.set(reason, [...(unleased.get(reason) ?? []), flight]);
}

/** False if the codec can make nothing of it. */
function resolveStored<V>(
  { core, loadMany, settings }: Batch<V>,
  flight: Flight<V>,
  stored: string | Buffer,
): boolean {
  const value = decodeEntry(settings.codec, stored);
  if (value === UNDECODABLE) return false;
  core.observer.hit(flight.key, value === undefined);
  if (!flight.isDropped) core.lastKnown?.record(flight.key, stored);
  if (core.schedule !== undefined) {
    const { key } = flight;
    const load = async (context: LoadContext): Promise<LoadResult<V>> =>
      (await callMany(loadMany, [key], context)).get(key);
    refreshWhenDue(core, core.schedule, { key, load, settings });
  }
  flight.resolve(value);
  return true;
}

function fail<V>(
  core: ReaderCore,
  flights: readonly Flight<V>[],
  settings: ReadSettings<V>,
  error: unknown,
): void {
  for (const flight of flights) {
    try {
      flight.resolve(lastKnownInsteadOf(core, readOf(flight, settings), error));
    } catch {
      flight.reject(error);
    }
  }
}

function readOf<V>(flight: Flight<V>, settings: ReadSettings<V>): Omit<KeyRead<V>, 'load'> {
  return { key: flight.key, settings, flight };
}
