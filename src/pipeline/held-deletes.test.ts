import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { HeldDeletes } from './held-deletes.ts';
import type { DeleteCommand } from './held-deletes.ts';
import { TokenBucket } from './token-bucket.ts';

const command = (key: number): DeleteCommand => ({ kind: 'delete', key: `k${key}`, rule: 'rules[0]' });

describe('a token bucket', () => {
  it('never gives more than its rate and one burst in any span of time', () => {
    const steps = fc.array(fc.tuple(fc.nat(700), fc.nat(30)), { maxLength: 50 });
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 40 }), steps, (rate, wants) => {
        const bucket = new TokenBucket(rate);
        let now = 0;
        const taken = wants.map(([pause, wanted]) => {
          now += pause;
          return { now, count: bucket.take(wanted, now) };
        });
        for (const [at, from] of taken.entries()) {
          let sum = 0;
          for (const { now: until, count } of taken.slice(at)) {
            sum += count;
            expect(sum).toBeLessThanOrEqual(rate + (rate * (until - from.now)) / 1000 + 1e-6);
          }
        }
      }),
    );
  });

  it('gives what was asked for after the delay that it names', () => {
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 500 }), (rate, count) => {
        const bucket = new TokenBucket(rate);
        const wanted = Math.min(count, bucket.burst);
        bucket.take(bucket.burst, 0);
        const delay = bucket.delay(wanted, 0);
        // A last bit of floating point may be missing.
        expect(bucket.take(wanted, delay + 1)).toBe(wanted);
      }),
    );
  });
});

describe('a token bucket with another rate', () => {
  it('gives no more than what was saved and what the new rate brings', () => {
    const rate = fc.integer({ min: 1, max: 500 });
    fc.assert(
      fc.property(rate, rate, fc.nat(3000), fc.nat(3000), (before, after, at, pause) => {
        const bucket = new TokenBucket(before);
        bucket.take(bucket.burst, 0);
        bucket.retune(after, at);
        const saved = Math.min(before, (at * before) / 1000);
        const taken = bucket.take(10_000, at + pause);
        expect(taken).toBeLessThanOrEqual(Math.min(after, saved + (pause * after) / 1000) + 1e-6);
        expect(taken).toBeGreaterThan(Math.min(after, saved + (pause * after) / 1000) - 1 - 1e-6);
      }),
    );
  });
});

describe('held deletes', () => {
  it('loses none, sends in order of arrival, and each key once while it waits', () => {
    const step = fc.oneof(
      fc.record({ want: fc.nat(20) }),
      fc.record({ pause: fc.nat(900), most: fc.integer({ min: 1, max: 5 }) }),
    );
    fc.assert(
      fc.property(fc.integer({ min: 1, max: 10 }), fc.array(step, { maxLength: 120 }), (rate, steps) => {
        const held = new HeldDeletes(rate);
        const sent: string[] = [];
        const expected: string[] = [];
        const waiting: string[] = [];
        let now = 0;
        const release = (most: number): void => {
          for (const { command: released } of held.release(most, now)) {
            sent.push(released.key);
            expect(released.key).toBe(waiting.shift());
          }
        };
        for (const next of steps) {
          if ('want' in next) {
            const wanted = command(next.want);
            if (!waiting.includes(wanted.key)) expected.push(wanted.key);
            if (held.passes(now)) sent.push(wanted.key);
            else {
              held.hold(wanted);
              if (!waiting.includes(wanted.key)) waiting.push(wanted.key);
            }
          } else {
            now += next.pause;
            release(next.most);
          }
          expect(sent.length).toBeLessThanOrEqual(rate + (rate * now) / 1000);
          expect(held.size).toBe(waiting.length);
        }
        while (held.size > 0) {
          now += held.delay(now) + 1;
          release(100);
        }
        expect(sent).toEqual(expected);
      }),
    );
  });

  it('holds a key anew once it was released: its delete may be under way already', () => {
    const held = new HeldDeletes(1);
    held.passes(0);
    const first = held.hold(command(1));
    expect(held.hold(command(1))).toBe(first);
    expect(held.release(10, 1000)).toEqual([first]);
    expect(held.hold(command(1))).not.toBe(first);
  });
});
