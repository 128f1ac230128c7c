import { Activity } from '../observability/activity.ts';
import type { ErrorRing } from '../observability/error-ring.ts';
import { SampleRing } from '../observability/sample-ring.ts';
import type { Log } from '../pipeline/ports.ts';
import type { RedisConnection } from '../redis/connection.ts';
import { RedisHealthProbe } from '../redis/health-probe.ts';
import { sleep } from '../runtime/sleep.ts';

/** How often Redis is asked how it is doing, ms. */
const PROBE_INTERVAL = 5000;
/** Time between two samples, and how far back they reach, ms. */
const SAMPLE_INTERVAL = 3000;
const SAMPLES_REACH = 15 * 60_000;

/** What is true at a moment, and can be seen from outside. */
export interface Moment {
  readonly ready: boolean;
  /** Undefined while it does not follow MySQL. */
  readonly lagMs: number | undefined;
  readonly inFlightBytes: number;
}

/** A moment of the last quarter of an hour, and what happened since the one before. */
export interface Sample {
  /** ms since the epoch */
  readonly at: number;
  readonly ready: boolean;
  readonly lag_ms: number | null;
  /** From commit to Redis' reply; null if there was no batch. */
  readonly delay_mean_ms: number | null;
  readonly delay_max_ms: number | null;
  /** All three in a second. */
  readonly transactions: number;
  readonly rows: number;
  readonly commands: number;
  readonly in_flight_bytes: number;
  /** Of the slowest master; null while none answers. */
  readonly redis_ping_ms: number | null;
}

export interface InsightOptions {
  readonly redis: RedisConnection;
  readonly errors: ErrorRing;
  readonly log: Log;
}

/** What a daemon keeps of its own work for people who look at it: a bounded amount, and at rest one sample in 3 s. */
export interface Insight {
  readonly activity: Activity;
  readonly errors: ErrorRing;
  readonly redisHealth: RedisHealthProbe;
  /** Takes a sample from time to time, until it is closed. To be called once. */
  readonly sample: (look: () => Moment) => void;
  /** Samples that were taken after `since`, ms since the epoch, the oldest first. */
  readonly history: (since: number) => { readonly interval_ms: number; readonly samples: readonly Sample[] };
  /** Ends the looking. */
  readonly close: () => Promise<void>;
}

/** Begins to look at Redis. */
export function openInsight({ redis, errors, log }: InsightOptions): Insight {
  const ending = new AbortController();
  const { signal } = ending;
  const activity = new Activity();
  const redisHealth = new RedisHealthProbe({ connection: redis, interval: PROBE_INTERVAL, sleep, log });
  const ring = new SampleRing<Sample>(SAMPLES_REACH / SAMPLE_INTERVAL);
  void redisHealth.run(signal);
  const takeSamples = async (look: () => Moment): Promise<void> => {
    let [before, began] = [activity.totals, performance.now()];
    for (;;) {
      await sleep(SAMPLE_INTERVAL, signal);
      if (signal.aborted) return;
      const [totals, now] = [activity.totals, performance.now()];
      const perSecond = (name: keyof typeof totals): number =>
        round(((totals[name] - before[name]) * 1000) / (now - began));
      const delays = activity.takeDelays();
      const { ready, lagMs, inFlightBytes } = look();
      const pings = redisHealth.nodes.flatMap(({ ping }) => ping ?? []);
      ring.push({
        at: Date.now(),
        ready,
        lag_ms: lagMs ?? null,
        delay_mean_ms: delays === undefined ? null : round(delays.mean),
        delay_max_ms: delays === undefined ? null : round(delays.max),
        transactions: perSecond('transactions'),
        rows: perSecond('rows'),
        commands: perSecond('commands'),
        in_flight_bytes: inFlightBytes,
        redis_ping_ms: pings.length === 0 ? null : round(Math.max(...pings)),
      });
      [before, began] = [totals, now];
    }
  };
  return {
    activity,
    errors,
    redisHealth,
    sample: (look) => void takeSamples(look),
    history: (since) => ({ interval_ms: SAMPLE_INTERVAL, samples: ring.since(since) }),
    close: async () => {
      // A look that is under way ends with the connection; nobody waits for it.
      ending.abort();
    },
  };
}

/** Two digits behind the point are more than anybody sees. */
function round(value: number): number {
  return Math.round(value * 100) / 100;
}
