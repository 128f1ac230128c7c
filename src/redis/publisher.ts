import type { RedisConnection } from './connection.ts';
import type { Send } from './send.ts';

/** Where to tell that keys were removed; both may be given. */
export interface PublishOptions {
  /** A Pub/Sub channel. */
  readonly channel?: string;
  /** The key of a stream. */
  readonly stream?: string;
  /** Entries that the stream keeps at least, about; default 10,000. */
  readonly maxLen?: number;
}

/** What was removed. Keys are text: bytes that are not UTF-8 come as U+FFFD. */
export interface Removed {
  readonly keys?: readonly string[];
  /** Counters that have a new value. */
  readonly generations?: readonly string[];
  /** Globs whose keys are gone. */
  readonly patterns?: readonly string[];
}

const DEFAULT_MAX_LEN = 10_000;
/** Names in one message. */
const MAX_NAMES = 500;

/**
 * Tells of what was removed, in messages of at most 500 keys, generations or patterns, one after the other.
 * @throws UnstaleError of the command that failed.
 */
export async function publish(
  connection: RedisConnection,
  { channel, stream, maxLen = DEFAULT_MAX_LEN }: PublishOptions,
  { keys = [], generations = [], patterns = [] }: Removed,
  send: Send,
): Promise<void> {
  const longest = Math.max(keys.length, generations.length, patterns.length);
  for (let at = 0; at < longest; at += MAX_NAMES) {
    const message = JSON.stringify({
      keys: keys.slice(at, at + MAX_NAMES),
      generations: generations.slice(at, at + MAX_NAMES),
      patterns: patterns.slice(at, at + MAX_NAMES),
    });
    if (channel !== undefined) await send(() => connection.publish(channel, message));
    if (stream !== undefined) await send(() => connection.append(stream, message, maxLen));
  }
}
