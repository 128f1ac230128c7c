import { describe, expect, it } from 'vitest';
import { createRefreshSchedule } from './refresh-schedule.ts';

describe('a schedule of refreshes', () => {
  /** A draw for which XFetch refreshes one load time before the expiry. */
  const oneLoadTime = (): number => 1 - Math.exp(-1);

  it('refreshes a key that this process has filled once, when its time has come', () => {
    let now = 0;
    const schedule = createRefreshSchedule({}, oneLoadTime, () => now);
    schedule.filled('a', 1_000, 100);
    expect([schedule.claim('a'), schedule.claim('b')]).toEqual([false, false]);
    now = 901;
    expect(schedule.claim('a')).toBe(true);
    expect(schedule.claim('a')).toBe(false);
    schedule.finished('a');
    expect(schedule.claim('a')).toBe(true);
    schedule.finished('a');
    schedule.forget('a');
    expect(schedule.claim('a')).toBe(false);
  });

  it('forgets a key whose value should have expired: another process has filled it', () => {
    let now = 0;
    const schedule = createRefreshSchedule({}, oneLoadTime, () => now);
    schedule.filled('a', 1_000, 100);
    now = 1_000;
    expect(schedule.claim('a')).toBe(false);
    now = 950;
    expect(schedule.claim('a')).toBe(false);
  });

  it('runs only so many at once, and remembers only so many keys', () => {
    const schedule = createRefreshSchedule({ concurrent: 2, maxKeys: 3 }, oneLoadTime, () => 0);
    for (const key of 'abcd') schedule.filled(key, 100, 100);
    expect(['a', 'b', 'c', 'd'].map((key) => schedule.claim(key))).toEqual([false, true, true, false]);
    schedule.finished('b');
    expect(schedule.claim('d')).toBe(true);
  });
});
