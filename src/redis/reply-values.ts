import { UnstaleError } from '../errors/unstale-error.ts';
import { isErrorReply } from './replies.ts';

/** One reply of a pipeline or transaction. */
export interface Reply {
  readonly error: Error | undefined;
  readonly value: unknown;
}

/** Keys of counters that are not incremented. */
export interface NotIncremented {
  /** Were gone when they were incremented, so that they began at 1. */
  readonly vanished: string[];
  /** Hold no integer, or the largest one. */
  readonly unusable: string[];
}

const UNUSABLE = /^WRONGTYPE|^ERR value is not an integer|^ERR increment or decrement would overflow/;

/** Judges the replies to `SET key start NX` and `INCR key` of each key, in turn. @throws the first error that is not about a value. */
export function readIncrements(
  keys: readonly string[],
  replies: readonly { readonly error?: unknown; readonly value?: unknown }[],
): NotIncremented {
  const vanished: string[] = [];
  const unusable: string[] = [];
  for (const [index, key] of keys.entries()) {
    const set = replies[2 * index];
    const increment = replies[2 * index + 1];
    // SET NX has no reason to fail that INCR has not, but for the right to it.
    if (set?.error !== undefined) throw set.error;
    if (increment?.error === undefined) {
      if (numberOf(increment?.value, 'INCR') === 1) vanished.push(key);
    } else if (isUnusable(increment.error)) unusable.push(key);
    else throw increment.error;
  }
  return { vanished, unusable };
}

function isUnusable(error: unknown): boolean {
  return error instanceof Error && isErrorReply(error) && UNUSABLE.test(error.message);
}

export function isWrongType(error: unknown): boolean {
  return error instanceof Error && isErrorReply(error) && error.message.startsWith('WRONGTYPE');
}

export function numberOf(reply: unknown, name: string): number {
  if (typeof reply === 'number' && !Number.isNaN(reply)) return reply;
  throw unexpected(name, reply);
}

export function unexpected(name: string, reply: unknown): UnstaleError {
  return new UnstaleError(
    'UNSTALE_REDIS_UNEXPECTED_REPLY',
    `${name} replied ${typeof reply}, not what it should`,
  );
}
