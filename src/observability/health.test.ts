import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { assessHealth, assessStandby } from './health.ts';
import type { HealthSnapshot } from './health.ts';

const healthy: HealthSnapshot = {
  started: true,
  draining: false,
  streaming: true,
  paused: false,
  lastEventAgeMs: 900,
  silenceTimeoutMs: 15_000,
  redisReachable: true,
  leaseHeld: true,
  lagMs: 3,
  maxLagMs: 30_000,
};

const snapshots: fc.Arbitrary<HealthSnapshot> = fc.record(
  {
    started: fc.boolean(),
    draining: fc.boolean(),
    streaming: fc.boolean(),
    paused: fc.boolean(),
    lastEventAgeMs: fc.option(fc.nat(30_000), { nil: undefined }),
    silenceTimeoutMs: fc.nat(30_000),
    redisReachable: fc.boolean(),
    leaseHeld: fc.boolean(),
    lagMs: fc.option(fc.nat(60_000), { nil: undefined }),
    maxLagMs: fc.nat(60_000),
    gap: fc.constant({ code: 'UNSTALE_BINLOG_RESET', message: 'reset' }),
    fatal: fc.constant({ code: 'UNSTALE_POSITION_PURGED', message: 'gone' }),
  },
  {
    requiredKeys: [
      'started',
      'draining',
      'streaming',
      'paused',
      'lastEventAgeMs',
      'silenceTimeoutMs',
      'redisReachable',
      'leaseHeld',
      'lagMs',
      'maxLagMs',
    ],
  },
);

describe('health', () => {
  it('is ready without reasons when everything works', () => {
    expect(assessHealth(healthy)).toEqual({ ready: true, live: true, reasons: [] });
  });

  it('does not take the unknown for a fault', () => {
    expect(assessHealth({ ...healthy, lastEventAgeMs: undefined, lagMs: undefined }).ready).toBe(true);
  });

  it.each<[string, Partial<HealthSnapshot>, string]>([
    ['before start-up is complete', { started: false }, 'Start-up is not complete.'],
    [
      'while it is not certain who leads',
      { leaseHeld: false },
      'The state database does not say that this daemon still leads; until it does, nothing is applied.',
    ],
    ['while draining', { draining: true }, 'The daemon is stopping.'],
    [
      'while it recovers from a gap',
      { gap: { code: 'UNSTALE_BINLOG_RESET', message: 'the binlogs were reset' } },
      'Recovering from a gap in the binlog: the binlogs were reset (UNSTALE_BINLOG_RESET).',
    ],
    ['without a stream', { streaming: false }, 'The binlog stream is not open.'],
    [
      'when the stream is silent',
      { lastEventAgeMs: 15_001 },
      'No event and no heartbeat arrived for 15.0 s; the limit is 15.0 s.',
    ],
    ['without Redis', { redisReachable: false }, 'Redis is not reachable.'],
    ['when lag is above the bound', { lagMs: 42_000 }, 'Redis is 42.0 s behind MySQL; the limit is 30.0 s.'],
  ])('is live but not ready %s', (_case, change, reason) => {
    expect(assessHealth({ ...healthy, ...change })).toEqual({ ready: false, live: true, reasons: [reason] });
  });

  it('is ready at the very bounds', () => {
    expect(assessHealth({ ...healthy, lastEventAgeMs: 15_000, lagMs: 30_000 }).ready).toBe(true);
  });

  it('does not call a stream silent that waits for Redis on purpose', () => {
    expect(assessHealth({ ...healthy, paused: true, lastEventAgeMs: 600_000 }).ready).toBe(true);
  });

  it('is neither live nor ready after a fatal error, and names it', () => {
    const health = assessHealth({
      ...healthy,
      fatal: { code: 'UNSTALE_POSITION_PURGED', message: 'it is gone' },
    });
    expect(health.live).toBe(false);
    expect(health.ready).toBe(false);
    expect(health.reasons).toEqual(['A fatal error ended the work: it is gone (UNSTALE_POSITION_PURGED).']);
  });

  it('does not blame the stream that it closes itself while draining', () => {
    const health = assessHealth({ ...healthy, draining: true, streaming: false, lagMs: 99_000 });
    expect(health.reasons).toEqual(['The daemon is stopping.']);
  });

  it('gives reasons exactly when it is not ready, each a sentence', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const { ready, reasons } = assessHealth(snapshot);
        expect(ready).toBe(reasons.length === 0);
        for (const reason of reasons) expect(reason).toMatch(/^[A-Z].*\.$/);
      }),
    );
  });

  it('is never ready when it is not live, and not live only after a fatal error', () => {
    fc.assert(
      fc.property(snapshots, (snapshot) => {
        const { ready, live } = assessHealth(snapshot);
        expect(live).toBe(snapshot.fatal === undefined);
        if (!live) expect(ready).toBe(false);
      }),
    );
  });

  it('never becomes ready by a further fault', () => {
    const faults: readonly Partial<HealthSnapshot>[] = [
      { started: false },
      { draining: true },
      { streaming: false },
      { redisReachable: false },
      { lagMs: Number.POSITIVE_INFINITY },
    ];
    fc.assert(
      fc.property(snapshots, fc.constantFrom(...faults), (snapshot, fault) => {
        expect(assessHealth({ ...snapshot, ...fault }).ready).toBe(false);
      }),
    );
  });

  it('lets a daemon stand by that could take over', () => {
    const able = { draining: false, redisReachable: true, stateReachable: true };
    expect(assessStandby(able)).toEqual({ ready: true, live: true, reasons: [] });
    expect(assessStandby({ ...able, redisReachable: false }).reasons).toEqual(['Redis is not reachable.']);
    expect(assessStandby({ ...able, stateReachable: false }).reasons).toEqual([
      'The state database does not answer.',
    ]);
  });
});
