import type { FillReply } from '../protocol/scripts.ts';
import type { BreakerState } from './breaker.ts';

/**
 * Why the database was read. With `lease` and `refresh` the value may be stored; with all others it is not:
 * `wait`: another reader's fill did not come in time; `redis`: Redis failed, was slow or is left alone; `type`: the
 * key holds something else; `undecodable`; `bypass`; `no-fill` and `transaction`: the caller asked for it.
 */
export type LoadReason =
  'lease' | 'refresh' | 'wait' | 'redis' | 'type' | 'undecodable' | 'bypass' | 'no-fill' | 'transaction';

/** A fill's reply, or why none was asked for: Redis failed, the codec refused, or an absent row is not stored. */
export type FillResult = FillReply | 'failed' | 'unencodable' | 'absent';

export interface LoadEvent {
  readonly keys: readonly string[];
  readonly reason: LoadReason;
  readonly ms: number;
  readonly succeeded: boolean;
}

export interface RedisEvent {
  readonly command: 'get' | 'mget' | 'getOrLease' | 'fill' | 'invalidate' | 'applied';
  readonly ms: number;
  /** `refused`: Redis answered with an error; `open`: not sent, since the circuit is open. */
  readonly outcome: 'ok' | 'refused' | 'failed' | 'timeout' | 'open';
}

/** What the kit tells, for metrics. All methods are optional; what they throw is ignored. */
export interface ReaderObserver {
  /** `absent`: what was found says that there is no row. */
  hit?(key: string, absent: boolean): void;
  /** Redis has nothing, or nothing that can be read. */
  miss?(key: string): void;
  /** How a request for a lease was answered. */
  lease?(key: string, answer: 'hit' | 'bypass' | 'wait' | 'lease'): void;
  /** How long a caller waited for another reader's fill, and whether it came. */
  wait?(key: string, ms: number, filled: boolean): void;
  load?(event: LoadEvent): void;
  fill?(key: string, result: FillResult): void;
  /** A value was served that may be older than what the database has. */
  stale?(key: string, reason: 'wait' | 'error'): void;
  /** The filter knows that there is no row. */
  filtered?(key: string): void;
  bypass?(key: string): void;
  invalidate?(keys: number, removed: number): void;
  redis?(event: RedisEvent): void;
  breaker?(state: BreakerState): void;
  /** A refresh in the background failed; nobody else hears of its error. */
  refreshFailed?(key: string, error: unknown): void;
}

/** All methods there, and none throws. */
export function safeObserver(observer: ReaderObserver = {}): Required<ReaderObserver> {
  const safe = <Name extends keyof ReaderObserver>(name: Name): Required<ReaderObserver>[Name] => {
    if (observer[name] === undefined) return () => undefined;
    const tell = (...args: unknown[]): void => {
      try {
        (observer as Readonly<Record<string, (...all: unknown[]) => void>>)[name]?.(...args);
      } catch {
        // Metrics must not break reads.
      }
    };
    return tell;
  };
  return {
    hit: safe('hit'),
    miss: safe('miss'),
    lease: safe('lease'),
    wait: safe('wait'),
    load: safe('load'),
    fill: safe('fill'),
    stale: safe('stale'),
    filtered: safe('filtered'),
    bypass: safe('bypass'),
    invalidate: safe('invalidate'),
    redis: safe('redis'),
    breaker: safe('breaker'),
    refreshFailed: safe('refreshFailed'),
  };
}
