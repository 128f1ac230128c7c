import type { Redis } from 'ioredis';

import type { UpdateOutcome } from '../change/command.ts';
import type { ScriptCall } from '../protocol/script.ts';
import { invalidate, update } from '../protocol/scripts.ts';
import type { Invalidation, InvalidateOptions, Update, UpdateOptions } from '../protocol/scripts.ts';
import { EncodedCommand } from './encoded-command.ts';
import {
  causeOf,
  isUnknownScript,
  isWrongType,
  numberOf,
  repliesOf,
  sortCounters,
  throwFirst,
  unexpected,
} from './reply-values.ts';
import type { NotIncremented, Reply } from './reply-values.ts';

/** One page of SCAN or SSCAN. */
export interface ScanPage {
  /** `0` when the scan is complete. */
  readonly cursor: string;
  /** Bytes, because a key need not be valid UTF-8. */
  readonly keys: Buffer[];
}

/** The commands of the sink. They reject with what `classifyRedisError` understands. */
export interface RedisCommands {
  /** Removes keys; resolves with the number of those that existed. */
  unlink(keys: (string | Buffer)[]): Promise<number>;
  /** Removes keys as the protocol does, with a marker for readers; resolves with the number of those that existed. */
  invalidate(keys: readonly Invalidation[], options: InvalidateOptions): Promise<number>;
  /** Stores values that are not older than what is known of their keys; a reply for each, in their order. */
  update(updates: readonly Update[], options: UpdateOptions): Promise<readonly UpdateOutcome[]>;
  /** One step of SCAN. */
  scan(cursor: string, pattern: string, count: number): Promise<ScanPage>;
  /** One step of SSCAN. */
  scanSet(key: string | Buffer, cursor: string, count: number): Promise<ScanPage | 'not a set'>;
  /**
   * Removes keys and their membership of the set `key` in one transaction; resolves with the number of keys that
   * existed. Without the transaction, a key that the application writes between the two would lose its
   * membership, and later changes would not find it. If `key` is no set any more, only the keys go. In a cluster there is
   * a transaction only if all are in one slot; else the keys go, then their membership, and what was written meanwhile.
   */
  unlinkMembers(key: string | Buffer, members: Buffer[]): Promise<number>;
  /** The server's time, µs since the epoch. */
  time(): Promise<number>;
  /** Increments counters, those that are not there from `start` on. */
  increment(keys: readonly string[], start: number): Promise<NotIncremented>;
  /** Gives all keys this value, whatever they held. */
  setAll(keys: readonly string[], value: number | string): Promise<void>;
  /** PUBLISH. */
  publish(channel: string, message: string): Promise<void>;
  /** XADD of one field `message`; older entries than about the newest `maxLen` go. */
  append(stream: string, message: string, maxLen: number): Promise<void>;
}

/** A name and its arguments. */
export type CommandArgs = readonly [name: string, ...args: (string | Buffer | number)[]];

/** A command for one node of a cluster. */
export interface NodeCommand {
  readonly args: CommandArgs;
  /** Behind ASKING: the node serves a slot that it is only about to get. */
  readonly asking?: boolean;
}

export interface NodeCommands extends RedisCommands {
  /**
   * Sends commands in one go; a reply for each, in their order, texts as bytes. Errors are among the replies, also
   * those of the connection. @throws UnstaleError when there is no connection: nothing was sent.
   */
  sendAll(commands: readonly NodeCommand[], effect?: Effect): Promise<readonly Reply[]>;
}

/** What commands may do to the data. */
export type Effect = 'write' | 'read';

/** Runs `send` while there is a connection, and rejects with the reason else. The effect is a write if not given. */
type Command = <T>(send: () => Promise<T>, effect?: Effect) => Promise<T>;

export function createCommands(client: Redis, command: Command): NodeCommands {
  const send = (...parts: ConstructorParameters<typeof EncodedCommand>): Promise<unknown> =>
    command(async () => client.sendCommand(new EncodedCommand(...parts)));
  const run = async <Reply>(call: ScriptCall<Reply>): Promise<Reply> => {
    const { script, keys, args } = call;
    const count = String(keys.length);
    const reply = await send('evalsha', [script.sha1, count], keys, args).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error;
      return send('eval', [script.source, count], keys, args);
    });
    try {
      return call.read(reply);
    } catch {
      throw unexpected(script.name, reply);
    }
  };
  return {
    async sendAll(commands, effect) {
      const sent = command(() => {
        const pipeline = client.pipeline();
        for (const { args, asking } of commands) {
          if (asking === true) pipeline.call('ASKING');
          const [name, ...rest] = args;
          pipeline.callBuffer(name, ...rest);
        }
        return pipeline.exec();
      }, effect);
      const replies = repliesOf(await sent);
      let at = 0;
      return commands.map(({ asking }) => {
        const refused = asking === true ? replies[at] : undefined;
        if (asking === true) at += 1;
        const reply = replies[at];
        at += 1;
        // Without it the command was sent elsewhere again, which says nothing.
        if (refused?.error !== undefined) return refused;
        return reply ?? { error: unexpected('a pipeline', undefined), value: undefined };
      });
    },
    invalidate: (keys, options) => run(invalidate(keys, options)),
    update: (updates, options) => run(update(updates, options)),
    async unlink(keys) {
      return numberOf(await send('unlink', keys), 'UNLINK');
    },
    async scan(cursor, pattern, count) {
      const [next, keys] = await command(
        () => client.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', count),
        'read',
      );
      return { cursor: next.toString(), keys };
    },
    async scanSet(key, cursor, count) {
      try {
        const [next, keys] = await command(() => client.sscanBuffer(key, cursor, 'COUNT', count), 'read');
        return { cursor: next.toString(), keys };
      } catch (error) {
        if (isWrongType(error)) return 'not a set';
        throw error;
      }
    },
    async unlinkMembers(key, members) {
      const transaction = command(() => client.multi().unlink(members).srem(key, members).exec());
      const [unlinked, srem] = await transaction.then(repliesOf, (error: unknown) => {
        throw causeOf(error);
      });
      if (unlinked?.error !== undefined) throw unlinked.error;
      if (srem?.error !== undefined && !isWrongType(srem.error)) throw srem.error;
      return numberOf(unlinked?.value, 'UNLINK');
    },
    async time() {
      const [seconds, micros] = await command(() => client.time(), 'read');
      return numberOf(Number(seconds) * 1_000_000 + Number(micros), 'TIME');
    },
    async increment(keys, start) {
      const sent = command(() => {
        const pipeline = client.pipeline();
        for (const key of keys) pipeline.set(key, start, 'NX').incr(key);
        return pipeline.exec();
      });
      const replies = repliesOf(await sent);
      return sortCounters(keys, replies);
    },
    async setAll(keys, value) {
      const sent = command(() => {
        const pipeline = client.pipeline();
        for (const key of keys) pipeline.set(key, value);
        return pipeline.exec();
      });
      throwFirst(repliesOf(await sent));
    },
    async publish(channel, message) {
      await command(() => client.publish(channel, message));
    },
    async append(stream, message, maxLen) {
      await command(() => client.xadd(stream, 'MAXLEN', '~', maxLen, '*', 'message', message));
    },
  };
}
