import type { KeyRead, ReaderCore } from './core.ts';
import { decodeEntry, UNDECODABLE } from './entry.ts';
import type { Lease, LeaseAnswer } from './lease.ts';
import { askForLease, release, waitForAnother } from './leasing.ts';
import { valueOf } from './loader.ts';
import type { LoadReason } from './observer.ts';
import { readFromUnder, storeLoaded } from './store.ts';

/**
 * Reads a key of which a plain GET found nothing: through a lease, by waiting for whoever has it, or in the end from
 * the database without storing.
 */
export async function readThrough<V>(core: ReaderCore, read: KeyRead<V>): Promise<V | undefined> {
  let answer: LeaseAnswer;
  try {
    answer = await askForLease(core, read.key);
    if (answer.kind === 'wait') answer = await waitForAnother(core, read.key);
  } catch {
    return loadUnleased(core, read, 'redis');
  }
  switch (answer.kind) {
    case 'hit':
      return readStored(core, read, answer.value);
    case 'lease':
      return loadUnderLease(core, read, answer.lease, 'lease');
    case 'wait': {
      const known = serveLastKnown(core, read, 'wait');
      return known === undefined ? loadUnleased(core, read, 'wait') : known.value;
    }
    case 'bypass':
      return loadUnleased(core, read, 'type');
  }
}

/** What stands in the key, or the database's row where that cannot be read. */
export async function readStored<V>(
  core: ReaderCore,
  read: KeyRead<V>,
  stored: string | Buffer,
): Promise<V | undefined> {
  const value = decodeEntry(read.settings.codec, stored);
  // What this application did not write is not this kit's to replace.
  if (value === UNDECODABLE) return loadUnleased(core, read, 'undecodable');
  if (read.flight?.isDropped !== true) core.lastKnown?.record(read.key, stored);
  return value;
}

/** @throws what the loader throws; the lease is given back then */
export async function loadUnderLease<V>(
  core: ReaderCore,
  read: KeyRead<V>,
  lease: Lease,
  reason: 'lease' | 'refresh',
): Promise<V | undefined> {
  const readFrom = readFromUnder(lease);
  let loadedUnder;
  try {
    loadedUnder = await core.loads.run({
      keys: [read.key],
      reason,
      readFrom,
      gtid: lease.gtid,
      isLeased: true,
      run: read.load,
    });
  } catch (error) {
    release(core, lease);
    return lastKnownInsteadOf(core, read, error);
  }
  return storeLoaded(core, read, lease, { ...loadedUnder, readFrom });
}

/** @throws what the loader throws; ReaderError UNSTALE_READER_LOAD_LIMIT where too many load already */
export async function loadUnleased<V>(
  core: ReaderCore,
  read: KeyRead<V>,
  reason: Exclude<LoadReason, 'lease' | 'refresh'>,
): Promise<V | undefined> {
  const run = async (): Promise<V | undefined> => {
    const { result } = await core.loads.run({
      keys: [read.key],
      reason,
      readFrom: reason === 'transaction' ? 'primary' : 'any',
      gtid: '',
      isLeased: false,
      run: read.load,
    });
    return valueOf(result);
  };
  // Who asks for a load without the cache has a connection for it already.
  if (reason === 'transaction' || reason === 'no-fill') return run();
  try {
    return await core.limit.run(run);
  } catch (error) {
    return lastKnownInsteadOf(core, read, error);
  }
}

/** @throws the error, unless stale values are served instead and there is one */
export function lastKnownInsteadOf<V>(
  core: ReaderCore,
  read: Omit<KeyRead<V>, 'load'>,
  error: unknown,
): V | undefined {
  const known =
    core.lastKnown?.onError === true && read.flight !== undefined
      ? serveLastKnown(core, read, 'error')
      : undefined;
  if (known === undefined) throw error;
  return known.value;
}

export function serveLastKnown<V>(
  core: ReaderCore,
  { key, settings }: Omit<KeyRead<V>, 'load'>,
  reason: 'wait' | 'error',
): { readonly value: V | undefined } | undefined {
  const stored = core.lastKnown?.get(key);
  if (stored === undefined) return undefined;
  const value = decodeEntry(settings.codec, stored);
  if (value === UNDECODABLE) return undefined;
  core.observer.stale(key, reason);
  return { value };
}
