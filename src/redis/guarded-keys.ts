import type { CacheCommand, CommandBatch, Guard, UpdateOutcome } from '../change/command.ts';
import { gtidsOf } from '../change/gtids.ts';
import { companionKey } from '../protocol/companion-key.ts';
import type { Invalidation, Update } from '../protocol/scripts.ts';
import type { RedisConnection } from './connection.ts';
import { classifyRedisError } from './replies.ts';
import type { Send } from './send.ts';

export type DeleteCommand = Extract<CacheCommand, { kind: 'delete' }>;
export type UpdateCommand = Extract<CacheCommand, { kind: 'update' }>;
export type UpdateCounts = Record<UpdateOutcome, number>;

/** What readers get to know of removals. */
export interface MarkerOptions {
  /** How long companions keep versions and holds, ms. */
  readonly tombstone: number;
}

/**
 * The key itself and, where readers take leases, its companion, which holds them. Both go in one command: a lease that
 * outlived the key could fill it with what was read before.
 */
export function namesOf({ key, guard }: DeleteCommand): readonly string[] {
  return guard === undefined ? [key] : [key, companionKey(key)];
}

/** Removes keys with a marker; resolves with how many existed. @throws UnstaleError of the command that failed. */
export async function removeWithMarker(
  connection: RedisConnection,
  deletes: readonly DeleteCommand[],
  { marks }: Pick<CommandBatch, 'marks'>,
  { tombstone }: MarkerOptions,
  send: Send,
): Promise<number> {
  let removed = 0;
  for (const [holdMs, keys] of byHold(deletes)) {
    const options = {
      tombstoneMs: Math.max(tombstone, holdMs),
      holdMs,
      gtid: holdMs === 0 ? '' : gtidsOf(marks),
    };
    removed += await send(() => connection.invalidate(keys, options));
  }
  return removed;
}

function byHold(deletes: readonly DeleteCommand[]): ReadonlyMap<number, Invalidation[]> {
  const groups = new Map<number, Invalidation[]>();
  for (const { key, guard } of deletes) {
    const holdMs = guard?.kind === 'marker' ? guard.holdMs : 0;
    const group = groups.get(holdMs);
    const invalidation = { key, version: markerVersion(guard) };
    if (group === undefined) groups.set(holdMs, [invalidation]);
    else group.push(invalidation);
  }
  return groups;
}

function markerVersion(guard: Guard | undefined): Invalidation['version'] {
  return guard?.kind === 'marker' ? guard.version : undefined;
}

/**
 * Stores values. A value that Redis refuses because a newer one is known, or because it is out of memory, is not left
 * as it was: its key goes. @throws UnstaleError of the command that failed.
 */
export async function storeValues(
  connection: RedisConnection,
  commands: readonly UpdateCommand[],
  { tombstone }: MarkerOptions,
  send: Send,
): Promise<UpdateCounts> {
  const counts: UpdateCounts = { stored: 0, skipped: 0, dropped: 0, refused: 0 };
  const refused: Invalidation[] = [];
  for (const [policy, group] of Map.groupBy(commands, (command) => command.policy)) {
    const options = { tombstoneMs: tombstone, policy };
    const replies = await send(() => connection.update(group, options).catch(refusedWhenFull(group)));
    for (const [index, reply] of replies.entries()) {
      counts[reply] += 1;
      const command = group[index];
      if (reply === 'refused' && command !== undefined) refused.push(command);
    }
  }
  if (refused.length > 0)
    await send(() => connection.invalidate(refused, { tombstoneMs: tombstone, holdMs: 0, gtid: '' }));
  return counts;
}

/** The script writes nothing before it is refused for want of memory; a removal is never refused for that. */
function refusedWhenFull(updates: readonly Update[]): (error: unknown) => UpdateOutcome[] {
  return (error) => {
    const isFull = error instanceof Error && error.message.startsWith('OOM');
    if (!isFull || classifyRedisError(error).code !== 'UNSTALE_REDIS_REFUSES_WRITES') throw error;
    return updates.map(() => 'refused');
  };
}
