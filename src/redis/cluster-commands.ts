import { UnstaleError } from '../errors/unstale-error.ts';
import { COMPANION_PREFIX } from '../protocol/companion-key.ts';
import type { ScriptCall } from '../protocol/script.ts';
import { invalidate, invalidateCompanion, update } from '../protocol/scripts.ts';
import type { Invalidation, InvalidateOptions, Update, UpdateReply } from '../protocol/scripts.ts';
import { keySlot } from '../protocol/slot.ts';
import type { ClusterRouter, RoutedCommand, RoutedReply } from './cluster-router.ts';
import type { RedisCommands, ScanPage } from './commands.ts';
import { classifyRedisError } from './replies.ts';
import { isWrongType, numberOf, readIncrements, unexpected } from './reply-values.ts';

type Key = string | Buffer;

/**
 * The commands of the sink on keys of any slots. Keys of one slot go in one command: K and its companion always do.
 *
 * While a slot moves, one command on several of its keys is refused (TRYAGAIN) unless all of them are on the old node:
 * also for keys that are on neither, and for as long as the move takes or stands still. Then each key gets a command of
 * its own, companions first: a lease that outlived its key could fill it with what was read before.
 */
export function createClusterCommands(
  router: ClusterRouter,
  /** The largest time of all masters, µs since the epoch. */
  time: () => Promise<number>,
): RedisCommands {
  const sendOne = async (command: RoutedCommand): Promise<RoutedReply> => {
    const [reply = {}] = await router.send([command]);
    return reply;
  };
  const removeSingly = async (keys: readonly Key[]): Promise<number> =>
    sumOf(await router.send(keys.map((key) => unlinkOf([key]))), 'UNLINK');

  const removeMoving = async (keys: readonly Key[]): Promise<number> => {
    const companions = keys.filter(isCompanion);
    const others = keys.filter((key) => !isCompanion(key));
    return (await removeSingly(companions)) + (await removeSingly(others));
  };
  const unlink = async (keys: readonly Key[]): Promise<number> => {
    const groups = bySlot(keys, (key) => key);
    const replies = await router.send(groups.map(unlinkOf));
    const moving = groups.filter((_, index) => isMoving(replies[index]));
    const removed = sumOf(
      replies.filter((reply) => !isMoving(reply)),
      'UNLINK',
    );
    return moving.length === 0 ? removed : removed + (await removeMoving(moving.flat()));
  };
  const invalidateMoving = async (
    keys: readonly Invalidation[],
    options: InvalidateOptions,
  ): Promise<number> => {
    const calls = keys.map((key) => invalidateCompanion(key, options));
    throwFirst(await router.send(calls.map(toCommand)));
    return removeSingly(keys.map(({ key }) => key));
  };

  return {
    unlink,
    async invalidate(keys, options) {
      const groups = bySlot(keys, ({ key }) => key);
      const calls = groups.map((group) => invalidate(group, options));
      const replies = await router.send(calls.map(toCommand));
      throwFirst(replies.filter((reply) => !isMoving(reply)));
      const moving: Invalidation[] = [];
      let removed = 0;
      for (const [index, call] of calls.entries()) {
        if (isMoving(replies[index])) moving.push(...(groups[index] ?? []));
        else removed += readReply(call, replies[index]);
      }
      return moving.length === 0 ? removed : removed + (await invalidateMoving(moving, options));
    },
    async update(updates, options) {
      const groups = bySlot(updates, ({ key }) => key);
      const calls = groups.map((group) => update(group, options));
      const replies = await router.send(calls.map(toCommand));
      throwFirst(replies.filter((reply) => !isMoving(reply)));
      const results = new Map<Update, UpdateReply>();
      const moving: Update[] = [];
      for (const [index, call] of calls.entries()) {
        const group = groups[index] ?? [];
        if (isMoving(replies[index])) moving.push(...group);
        else {
          const read = readReply(call, replies[index]);
          for (const [at, one] of group.entries()) results.set(one, read[at] ?? 'dropped');
        }
      }
      if (moving.length > 0) {
        // Nothing can compare the version and set the value in one step here, so the value goes instead.
        await invalidateMoving(moving, { ...options, holdMs: 0, gtid: '' });
        for (const one of moving) results.set(one, 'dropped');
      }
      return updates.map((one) => results.get(one) ?? 'dropped');
    },
    scan() {
      throw new UnstaleError('UNSTALE_INTERNAL', 'a cluster is scanned node by node');
    },
    async scanSet(key, cursor, count) {
      // A cursor means something only to the process that gave it; elsewhere the set is read from its beginning.
      const [from = '', at = '0'] = cursor === '0' ? [] : cursor.split(' ');
      const ask = (position: string): Promise<RoutedReply> =>
        sendOne({ slot: keySlot(key), name: 'SSCAN', args: [key, position, 'COUNT', count] });
      let reply = await ask(at);
      if (at !== '0' && reply.error === undefined && reply.from !== from) reply = await ask('0');
      if (isWrongType(reply.error)) return 'not a set';
      if (reply.error !== undefined) throw reply.error;
      return readPage(reply, reply.from ?? '');
    },
    async unlinkMembers(key, members) {
      let removed = await unlink(members);
      const membership = await sendOne({ slot: keySlot(key), name: 'SREM', args: [key, ...members] });
      if (membership.error !== undefined && !isWrongType(membership.error)) throw membership.error;
      // What was written anew before its membership went has no other trace.
      removed += await unlink(members);
      return removed;
    },
    time,
    async increment(keys, start) {
      const commands = keys.flatMap((key): RoutedCommand[] => {
        const slot = keySlot(key);
        return [
          { slot, name: 'SET', args: [key, start, 'NX'] },
          { slot, name: 'INCR', args: [key] },
        ];
      });
      return readIncrements(keys, await router.send(commands));
    },
    async setAll(keys, value) {
      throwFirst(
        await router.send(keys.map((key) => ({ slot: keySlot(key), name: 'SET', args: [key, value] }))),
      );
    },
    async publish(channel, message) {
      // Any node tells all others; the same one for a channel keeps its messages in order.
      throwFirst([await sendOne({ slot: keySlot(channel), name: 'PUBLISH', args: [channel, message] })]);
    },
    async append(stream, message, maxLen) {
      const args = [stream, 'MAXLEN', '~', maxLen, '*', 'message', message];
      throwFirst([await sendOne({ slot: keySlot(stream), name: 'XADD', args })]);
    },
  };
}

function unlinkOf(keys: readonly Key[]): RoutedCommand {
  return { slot: keySlot(keys[0] ?? ''), name: 'UNLINK', args: keys };
}

function toCommand({ script, keys, args }: ScriptCall<unknown>): RoutedCommand {
  return { slot: keySlot(keys[0] ?? ''), name: 'EVALSHA', args: [keys.length, ...keys, ...args], script };
}

function isCompanion(key: Key): boolean {
  return key.toString().startsWith(COMPANION_PREFIX);
}

/** In the order of their first members. */
function bySlot<T>(all: readonly T[], keyOf: (one: T) => Key): T[][] {
  const groups = new Map<number, T[]>();
  for (const one of all) {
    const slot = keySlot(keyOf(one));
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [one]);
    else group.push(one);
  }
  return [...groups.values()];
}

function isMoving(reply: RoutedReply | undefined): boolean {
  return reply?.error instanceof Error && reply.error.message.startsWith('TRYAGAIN');
}

function sumOf(replies: readonly RoutedReply[], name: string): number {
  throwFirst(replies);
  return replies.reduce((sum, { value }) => sum + numberOf(value, name), 0);
}

function readReply<Value>(call: ScriptCall<Value>, reply: RoutedReply | undefined): Value {
  try {
    return call.read(reply?.value);
  } catch {
    throw unexpected(call.script.name, reply?.value);
  }
}

function readPage({ value }: RoutedReply, from: string): ScanPage {
  const [next, keys] = Array.isArray(value) ? (value as unknown[]) : [];
  if (!Array.isArray(keys) || !keys.every((key) => Buffer.isBuffer(key)) || !Buffer.isBuffer(next)) {
    throw unexpected('SSCAN', value);
  }
  const cursor = next.toString();
  return { cursor: cursor === '0' ? '0' : `${from} ${cursor}`, keys };
}

/** A failure that ends the work outweighs one that holds the batch, and that one that may pass. */
function throwFirst(replies: readonly RoutedReply[]): void {
  const failed = replies.flatMap(({ error }) => (error === undefined ? [] : [error]));
  if (failed.length === 0) return;
  const of = (directive: string): unknown =>
    failed.find((error) => classifyRedisError(error).policy.directive === directive);
  throw of('fatal') ?? of('poisoned') ?? failed[0];
}
