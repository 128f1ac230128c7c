import { rowVersion } from '../change/version.ts';
import { keySlot } from '../protocol/slot.ts';
import { invalidate } from '../protocol/scripts.ts';
import type { Invalidation } from '../protocol/scripts.ts';
import { runScript } from './cache-client.ts';
import type { CacheClient } from './cache-client.ts';
import { ReaderError } from './errors.ts';
import type { RowVersion } from './loader.ts';
import type { Duration } from './options.ts';
import type { RedisCalls } from './redis-calls.ts';

/** A key whose row changed, and the version that the change gave it. */
export interface InvalidatedKey {
  readonly key: string;
  readonly version?: RowVersion;
  /** The row is gone: `version` is the one that it had. */
  readonly isDeleted?: boolean;
}

export interface InvalidateOptions {
  /** How long readers have to read the primary; the reader's `hold` by default. */
  readonly hold?: Duration;
  /** GTIDs of the change, where they are known. */
  readonly gtid?: string;
}

/** Keys of one script call. */
const MOST_KEYS = 500;

/**
 * Removes keys, voids the leases on them, and keeps what is known of their versions. Resolves with how many existed.
 * @throws ReaderError UNSTALE_READER_INVALIDATE when some may be there still; the others are gone
 */
export async function invalidateKeys(
  redis: { readonly client: CacheClient; readonly calls: RedisCalls },
  keys: readonly (string | InvalidatedKey)[],
  options: { readonly tombstoneMs: number; readonly holdMs: number; readonly gtid: string },
): Promise<number> {
  const groups = groupsOf(redis.client, keys.map(invalidationOf));
  const results = await Promise.allSettled(
    groups.map((group) =>
      redis.calls.ask('invalidate', () => runScript(redis.client, invalidate(group, options))),
    ),
  );
  let removed = 0;
  for (const result of results) {
    if (result.status === 'rejected')
      throw new ReaderError('UNSTALE_READER_INVALIDATE', textOf(result.reason), { cause: result.reason });
    removed += result.value;
  }
  return removed;
}

function invalidationOf(given: string | InvalidatedKey): Invalidation {
  if (typeof given === 'string') return { key: given };
  const { key, version, isDeleted = false } = given;
  return { key, version: rowVersion(version, isDeleted ? 'deleted' : 'row') };
}

/** What one script call may take: in a cluster keys of one slot. */
function groupsOf(client: CacheClient, keys: readonly Invalidation[]): Invalidation[][] {
  const bySlot = new Map<number, Invalidation[]>();
  for (const one of keys) {
    const slot = client.isCluster ? keySlot(one.key) : 0;
    const group = bySlot.get(slot);
    if (group === undefined) bySlot.set(slot, [one]);
    else group.push(one);
  }
  return [...bySlot.values()].flatMap((group) => {
    const chunks: Invalidation[][] = [];
    for (let from = 0; from < group.length; from += MOST_KEYS)
      chunks.push(group.slice(from, from + MOST_KEYS));
    return chunks;
  });
}

function textOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
