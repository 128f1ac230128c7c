import { createBreaker } from './breaker.ts';
import type { BreakerSettings, BreakerState } from './breaker.ts';
import { createDeadlines } from './deadlines.ts';
import { ReaderError } from './errors.ts';
import type { ReaderObserver, RedisEvent } from './observer.ts';

export interface RedisCallsOptions {
  /** How long a reader waits for one reply, ms. */
  readonly timeoutMs: number;
  /** Commands that the client may owe a reply at once; beyond, Redis counts as down. */
  readonly maxPending: number;
  readonly breaker: BreakerSettings;
  readonly observer: Required<ReaderObserver>;
}

/** One command. Exactly one of `onReply` and `onFailure` is called, once; they must not throw. */
export interface RedisCall<T> {
  readonly command: RedisEvent['command'];
  send(): Promise<T>;
  onReply(reply: T): void;
  /** Redis' own error, the client's, or a ReaderError where time or the circuit decided. */
  onFailure(error: unknown): void;
  /** A reply that came after the failure. */
  onLate?(reply: T): void;
}

/** Sends commands under a time limit and a breaker, which the client is not trusted to have. */
export interface RedisCalls {
  readonly state: BreakerState;
  run<T>(call: RedisCall<T>): void;
  /** The same as a promise. @throws what `onFailure` gets */
  ask<T>(command: RedisEvent['command'], send: () => Promise<T>, onLate?: (reply: T) => void): Promise<T>;
}

/** Redis' answers that say that it cannot answer, by their first word. */
const DOWN = new Set(['LOADING', 'CLUSTERDOWN', 'MASTERDOWN', 'BUSY']);

/** Made once: with the circuit open errors are as many as reads. */
const OPEN = new ReaderError('UNSTALE_READER_CIRCUIT_OPEN');

export function createRedisCalls({
  timeoutMs,
  maxPending,
  breaker: breakerSettings,
  observer,
}: RedisCallsOptions): RedisCalls {
  const breaker = createBreaker(breakerSettings, (state) => observer.breaker(state));
  const deadlines = createDeadlines(timeoutMs);
  let pending = 0;

  const run = <T>(call: RedisCall<T>): void => {
    const start = performance.now();
    const admission = pending < maxPending ? breaker.enter(start) : 'refused';
    if (admission === 'refused') {
      observer.redis({ command: call.command, ms: 0, outcome: 'open' });
      call.onFailure(OPEN);
      return;
    }
    let settled = false;
    const settle = (outcome: RedisEvent['outcome']): void => {
      settled = true;
      deadline.clear();
      const now = performance.now();
      breaker.leave(admission, outcome === 'ok' || outcome === 'refused', now);
      observer.redis({ command: call.command, ms: now - start, outcome });
    };
    const deadline = deadlines.add(start, () => {
      settle('timeout');
      call.onFailure(new ReaderError('UNSTALE_READER_REDIS_TIMEOUT', `${call.command} in ${timeoutMs} ms`));
    });
    const replied = (reply: T): void => {
      pending -= 1;
      if (settled) {
        call.onLate?.(reply);
        return;
      }
      settle('ok');
      call.onReply(reply);
    };
    const failed = (error: unknown): void => {
      pending -= 1;
      if (settled) return;
      settle(isAnswer(error) ? 'refused' : 'failed');
      call.onFailure(error);
    };
    pending += 1;
    sendSafely(call).then(replied, failed);
  };

  return {
    get state() {
      return breaker.state;
    },
    run,
    ask: (command, send, onLate) =>
      new Promise((resolve, reject) => {
        run({ command, send, onReply: resolve, onFailure: reject, ...(onLate && { onLate }) });
      }),
  };
}

function sendSafely<T>(call: RedisCall<T>): Promise<T> {
  try {
    return call.send();
  } catch (error) {
    return Promise.reject(error instanceof Error ? error : new Error(String(error)));
  }
}

/** Whether Redis itself answered, with an error that concerns only this command. */
function isAnswer(error: unknown): boolean {
  if (error instanceof TypeError) return true;
  const word = error instanceof Error ? /^([A-Z]{2,}) /.exec(error.message)?.[1] : undefined;
  return word !== undefined && !DOWN.has(word);
}
