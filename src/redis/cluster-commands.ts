import type { UpdateOutcome } from '../change/command.ts';
import { COMPANION_PREFIX, companionKey } from '../protocol/companion-key.ts';
import type { ScriptCall } from '../protocol/script.ts';
import { invalidate, update } from '../protocol/scripts.ts';
import type { Invalidation, InvalidateOptions, Update, UpdateOptions } from '../protocol/scripts.ts';
import { keySlot } from '../protocol/slot.ts';
import type { ClusterTopology } from './cluster-topology.ts';
import type { CommandArgs, RedisCommands, ScanPage } from './commands.ts';
import { isErrorReply } from './replies.ts';
import { isWrongType, numberOf, sortCounters, throwFirst, unexpected } from './reply-values.ts';
import type { Reply } from './reply-values.ts';
import { sendToSlots } from './slot-router.ts';
import type { SlotCommand, SlotReply } from './slot-router.ts';

type Key = string | Buffer;

/**
 * The commands of the sink on keys of any slot. Each slot's keys go in commands of their own, a key always together
 * with its companion. While a slot is on its way and such keys are on two nodes, Redis executes no command on both:
 * they are removed one by one then, companions first, as if they had been evicted.
 */
export function createClusterCommands(topology: ClusterTopology): Omit<RedisCommands, 'scan'> {
  const sendAll = async (commands: readonly SlotCommand[]): Promise<readonly Reply[]> => {
    const replies = await sendToSlots(topology, commands);
    throwFirst(replies);
    return replies;
  };
  const sum = async (commands: readonly SlotCommand[], name: string): Promise<number> =>
    (await sendAll(commands)).reduce((total, { value }) => total + numberOf(value, name), 0);
  const single = (key: Key, ...args: CommandArgs): SlotCommand => ({ slot: keySlot(key), args });
  const sendOne = async (command: SlotCommand): Promise<unknown> => (await sendAll([command]))[0]?.value;

  const unlink = async (keys: readonly Key[]): Promise<number> =>
    sum(
      [...bySlot(keys, (key) => key)].map(([slot, group]) => ({
        slot,
        args: ['UNLINK', ...group],
        ...(group.length > 1 ? { apart: async () => unlinkApart(group) } : {}),
      })),
      'UNLINK',
    );
  const unlinkApart = async (keys: readonly Key[]): Promise<number> => {
    const [companions, others] = [keys.filter(isCompanion), keys.filter((key) => !isCompanion(key))];
    let removed = 0;
    // A lease that outlived its key could fill it with what was read before.
    for (const group of [companions, others])
      removed += await sum(
        group.map((key) => single(key, 'UNLINK', key)),
        'UNLINK',
      );
    return removed;
  };

  const time = async (): Promise<number> => {
    const asked = await Promise.allSettled(topology.masters.map(async ({ connection }) => connection.time()));
    const times = asked.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : []));
    // Their clocks differ; what is counted from a time must not begin earlier than before.
    if (times.length > 0) return Math.max(...times);
    for (const one of asked) if (one.status === 'rejected') throw one.reason;
    throw topology.failure;
  };

  /** What a marker tells, but for the version: that goes with the companion, which is as safe as a high one. */
  const removeApart = async (key: string, options?: InvalidateOptions): Promise<number> => {
    const companion = companionKey(key);
    await sum([single(companion, 'UNLINK', companion)], 'UNLINK');
    if (options !== undefined && options.holdMs > 0) {
      const until = Math.ceil((await time()) / 1_000) + options.holdMs;
      const gtid = options.gtid === '' ? [] : ['g', options.gtid];
      await sendAll([
        single(companion, 'HSET', companion, 'p', until, ...gtid),
        single(companion, 'PEXPIRE', companion, Math.max(options.tombstoneMs, options.holdMs)),
      ]);
    }
    return sum([single(key, 'UNLINK', key)], 'UNLINK');
  };

  const invalidations = (
    slot: number,
    keys: readonly Invalidation[],
    options: InvalidateOptions,
  ): SlotCommand => ({
    ...scriptCommand(slot, invalidate(keys, options)),
    apart: async () => {
      const [first] = keys;
      if (keys.length === 1 && first !== undefined) return removeApart(first.key, options);
      return sum(
        keys.map((one) => invalidations(slot, [one], options)),
        'invalidate',
      );
    },
  });

  const updates = (
    slot: number,
    group: readonly Update[],
    options: UpdateOptions,
    call = update(group, options),
  ): SlotCommand => ({
    ...scriptCommand(slot, call),
    apart: async () => {
      const [first] = group;
      if (group.length === 1 && first !== undefined) {
        await removeApart(first.key);
        return 'd';
      }
      const replies = await sendAll(group.map((one) => updates(slot, [one], options)));
      return replies.map(({ value }) => String(value)).join('');
    },
  });

  return {
    unlink,
    time,
    async invalidate(keys, options) {
      const groups = bySlot(keys, ({ key }) => key);
      return sum(
        [...groups].map(([slot, group]) => invalidations(slot, group, options)),
        'invalidate',
      );
    },
    async update(all, options) {
      const groups = [...bySlot(all, ({ key }) => key)].map(([slot, group]) => ({
        slot,
        group,
        call: update(group, options),
      }));
      const replies = await sendAll(
        groups.map(({ slot, group, call }) => updates(slot, group, options, call)),
      );
      const byUpdate = new Map<Update, UpdateOutcome>();
      for (const [at, { group, call }] of groups.entries()) {
        const read = readReply(call, replies[at]?.value);
        group.forEach((one, index) => {
          const reply = read[index];
          if (reply !== undefined) byUpdate.set(one, reply);
        });
      }
      return all.map((one) => {
        const reply = byUpdate.get(one);
        if (reply === undefined) throw unexpected('update', undefined);
        return reply;
      });
    },
    async scanSet(key, cursor, count): Promise<ScanPage | 'not a set'> {
      // A cursor means something only to the process that gave it; another one reads the set from its beginning.
      const [at = '0', from] = cursor.split(' ');
      const ask = async (position: string): Promise<SlotReply | undefined> => {
        const command = single(key, 'SSCAN', key, position, 'COUNT', count);
        return (await sendToSlots(topology, [command], 'read'))[0];
      };
      let reply = await ask(at);
      if (at !== '0' && reply?.error === undefined && reply?.from !== from) reply = await ask('0');
      if (isWrongType(reply?.error)) return 'not a set';
      if (reply?.error !== undefined) throw reply.error;
      return pageOf(reply?.value, reply?.from ?? '');
    },
    async unlinkMembers(key, members) {
      const slot = keySlot(key);
      if (members.every((member) => keySlot(member) === slot)) {
        try {
          return await topology.ownerOf(slot).connection.unlinkMembers(key, members);
        } catch (error) {
          // Nothing of the transaction was executed.
          if (!isElsewhere(error)) throw error;
        }
      }
      // No transaction spans slots. The keys first: as long as the set names them, a repetition finds them.
      const removed = await unlink(members);
      await sendOne(single(key, 'SREM', key, ...members)).catch((error: unknown) => {
        if (!isWrongType(error)) throw error;
      });
      // What was written between the two has lost its name; only here is it known to have had one.
      return removed + (await unlink(members));
    },
    async increment(keys, start) {
      const commands = keys.flatMap((key) => [
        single(key, 'SET', key, start, 'NX'),
        single(key, 'INCR', key),
      ]);
      return sortCounters(keys, await sendToSlots(topology, commands));
    },
    async setAll(keys, value) {
      await sendAll(keys.map((key) => single(key, 'SET', key, value)));
    },
    async publish(channel, message) {
      // Every node passes it on to all others.
      const { masters } = topology;
      const node = masters.find(({ connection }) => connection.isReachable()) ?? masters[0];
      if (node === undefined) throw topology.failure;
      await node.connection.publish(channel, message);
    },
    async append(stream, message, maxLen) {
      await sendOne(single(stream, 'XADD', stream, 'MAXLEN', '~', maxLen, '*', 'message', message));
    },
  };
}

function bySlot<Item>(items: readonly Item[], keyOf: (item: Item) => Key): ReadonlyMap<number, Item[]> {
  const groups = new Map<number, Item[]>();
  for (const item of items) {
    const slot = keySlot(keyOf(item));
    const group = groups.get(slot);
    if (group === undefined) groups.set(slot, [item]);
    else group.push(item);
  }
  return groups;
}

function isElsewhere(error: unknown): boolean {
  return error instanceof Error && isErrorReply(error) && /^(?:MOVED|ASK|TRYAGAIN)\b/.test(error.message);
}

function isCompanion(key: Key): boolean {
  return (typeof key === 'string' ? key : key.toString('latin1')).startsWith(COMPANION_PREFIX);
}

function scriptCommand<T>(
  slot: number,
  { script, keys, args }: ScriptCall<T>,
): Pick<SlotCommand, 'slot' | 'args' | 'source'> {
  const rest = [keys.length, ...keys, ...args] as const;
  return {
    slot,
    args: ['EVALSHA', script.sha1, ...rest],
    source: ['EVAL', script.source, ...rest],
  };
}

function readReply<T>(call: ScriptCall<T>, reply: unknown): T {
  try {
    return call.read(reply);
  } catch {
    throw unexpected(call.script.name, reply);
  }
}

/** The reply of SSCAN. */
function pageOf(reply: unknown, from: string): ScanPage {
  const [cursor, keys]: unknown[] = Array.isArray(reply) ? reply : [];
  if (!Buffer.isBuffer(cursor) || !Array.isArray(keys) || !keys.every((key) => Buffer.isBuffer(key)))
    throw unexpected('SSCAN', reply);
  const at = cursor.toString();
  return { cursor: at === '0' ? at : `${at} ${from}`, keys };
}
