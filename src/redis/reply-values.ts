import { UnstaleError } from '../errors/unstale-error.ts';
import { classifyRedisError, isErrorReply } from './replies.ts';

/** What became of one command. */
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

export function repliesOf(replies: [error: Error | null, result: unknown][] | null): Reply[] {
  // Null: a watched key changed; nothing is watched.
  if (replies === null) throw unexpected('EXEC', replies);
  return replies.map(([error, value]) => ({ error: error ?? undefined, value }));
}

/** Throws if a reply is an error: one that does not pass, if there is such a one, else the first. */
export function throwFirst(replies: readonly Reply[]): void {
  const errors = replies.flatMap(({ error }) => (error === undefined ? [] : [error]));
  const [first] = errors;
  if (first === undefined) return;
  throw errors.find((error) => classifyRedisError(error).policy.directive !== 'retry') ?? first;
}

/** Reads the replies of `SET key start NX` and `INCR key` for each key. @throws Error of another failure. */
export function sortCounters(keys: readonly string[], replies: readonly Reply[]): NotIncremented {
  const vanished: string[] = [];
  const unusable: string[] = [];
  const others: Reply[] = [];
  keys.forEach((key, index) => {
    const set = replies[2 * index];
    const increment = replies[2 * index + 1];
    // SET NX has no reason to fail that INCR has not, but for the right to it.
    if (set?.error !== undefined) others.push(set);
    else if (increment?.error === undefined) {
      if (numberOf(increment?.value, 'INCR') === 1) vanished.push(key);
    } else if (isErrorReply(increment.error) && UNUSABLE.test(increment.error.message)) unusable.push(key);
    else others.push(increment);
  });
  throwFirst(others);
  return { vanished, unusable };
}

/** Why a transaction was not executed: the refusal of one of its commands says it, EXECABORT does not. */
export function causeOf(error: unknown): unknown {
  if (!(error instanceof Error) || !('previousErrors' in error)) return error;
  const { previousErrors } = error;
  return Array.isArray(previousErrors) ? (previousErrors[0] ?? error) : error;
}

export function isWrongType(error: unknown): boolean {
  return error instanceof Error && isErrorReply(error) && error.message.startsWith('WRONGTYPE');
}

export function isUnknownScript(error: unknown): boolean {
  return error instanceof Error && isErrorReply(error) && error.message.startsWith('NOSCRIPT');
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
