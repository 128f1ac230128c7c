import type { Redis } from 'ioredis';

import type { ScriptCall } from '../protocol/script.ts';
import { invalidate, update } from '../protocol/scripts.ts';
import type { Invalidation, InvalidateOptions, Update, UpdateReply } from '../protocol/scripts.ts';
import { isErrorReply } from './replies.ts';
import { isWrongType, numberOf, readIncrements, unexpected } from './reply-values.ts';
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
  update(
    updates: readonly Update[],
    options: Pick<InvalidateOptions, 'tombstoneMs'>,
  ): Promise<readonly UpdateReply[]>;
  /** One step of SCAN. */
  scan(cursor: string, pattern: string, count: number): Promise<ScanPage>;
  /** One step of SSCAN. */
  scanSet(key: string | Buffer, cursor: string, count: number): Promise<ScanPage | 'not a set'>;
  /**
   * Removes keys and their membership of the set `key` in one transaction; resolves with the number of keys that
   * existed. Without the transaction, a key that the application writes between the two would lose its
   * membership, and later changes would not find it. If `key` is no set any more, only the keys go.
   */
  unlinkMembers(key: string | Buffer, members: Buffer[]): Promise<number>;
  /** The server's time, µs since the epoch. */
  time(): Promise<number>;
  /** Increments counters, those that are not there from `start` on. */
  increment(keys: readonly string[], start: number): Promise<NotIncremented>;
  /** Gives all keys this value, whatever they held. */
  setAll(keys: readonly string[], value: number): Promise<void>;
  /** PUBLISH. */
  publish(channel: string, message: string): Promise<void>;
  /** XADD of one field `message`; older entries than about the newest `maxLen` go. */
  append(stream: string, message: string, maxLen: number): Promise<void>;
}

/** Runs `send` on the connection while there is one, and rejects with the reason else. */
type Command = <T>(send: (client: Redis) => Promise<T>) => Promise<T>;

export function createCommands(command: Command): RedisCommands {
  const run = async <Reply>(call: ScriptCall<Reply>): Promise<Reply> => {
    const { script, keys, args } = call;
    const reply = await command<unknown>((client) =>
      client.evalsha(script.sha1, keys.length, ...keys, ...args),
    ).catch((error: unknown) => {
      if (!isUnknownScript(error)) throw error;
      return command<unknown>((client) => client.eval(script.source, keys.length, ...keys, ...args));
    });
    try {
      return call.read(reply);
    } catch {
      throw unexpected(script.name, reply);
    }
  };
  return {
    invalidate: (keys, options) => run(invalidate(keys, options)),
    update: (updates, options) => run(update(updates, options)),
    async unlink(keys) {
      return numberOf(await command<unknown>((client) => client.unlink(keys)), 'UNLINK');
    },
    async scan(cursor, pattern, count) {
      const [next, keys] = await command((client) =>
        client.scanBuffer(cursor, 'MATCH', pattern, 'COUNT', count),
      );
      return { cursor: next.toString(), keys };
    },
    async scanSet(key, cursor, count) {
      try {
        const [next, keys] = await command((client) => client.sscanBuffer(key, cursor, 'COUNT', count));
        return { cursor: next.toString(), keys };
      } catch (error) {
        if (isWrongType(error)) return 'not a set';
        throw error;
      }
    },
    async unlinkMembers(key, members) {
      const transaction = command((client) => client.multi().unlink(members).srem(key, members).exec());
      const [unlinked, srem] = await transaction.then(repliesOf, (error: unknown) => {
        throw causeOf(error);
      });
      if (unlinked?.error !== undefined) throw unlinked.error;
      if (srem?.error !== undefined && !isWrongType(srem.error)) throw srem.error;
      return numberOf(unlinked?.value, 'UNLINK');
    },
    async time() {
      const [seconds, micros] = await command((client) => client.time());
      return numberOf(Number(seconds) * 1_000_000 + Number(micros), 'TIME');
    },
    async increment(keys, start) {
      const sent = command((client) => {
        const pipeline = client.pipeline();
        for (const key of keys) pipeline.set(key, start, 'NX').incr(key);
        return pipeline.exec();
      });
      return readIncrements(keys, repliesOf(await sent));
    },
    async setAll(keys, value) {
      const sent = command((client) => {
        const pipeline = client.pipeline();
        for (const key of keys) pipeline.set(key, value);
        return pipeline.exec();
      });
      const failed = repliesOf(await sent).find(({ error }) => error !== undefined);
      if (failed?.error !== undefined) throw failed.error;
    },
    async publish(channel, message) {
      await command((client) => client.publish(channel, message));
    },
    async append(stream, message, maxLen) {
      await command((client) => client.xadd(stream, 'MAXLEN', '~', maxLen, '*', 'message', message));
    },
  };
}

function repliesOf(replies: [error: Error | null, result: unknown][] | null): Reply[] {
  // Null: a watched key changed; nothing is watched.
  if (replies === null) throw unexpected('EXEC', replies);
  return replies.map(([error, value]) => ({ error: error ?? undefined, value }));
}

/** Why a transaction was not executed: the refusal of one of its commands says it, EXECABORT does not. */
function causeOf(error: unknown): unknown {
  if (!(error instanceof Error) || !('previousErrors' in error)) return error;
  const { previousErrors } = error;
  return Array.isArray(previousErrors) ? (previousErrors[0] ?? error) : error;
}

function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && isErrorReply(error) && error.message.startsWith('NOSCRIPT');
}
