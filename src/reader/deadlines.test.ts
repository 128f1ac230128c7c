import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { createDeadlines } from './deadlines.ts';

describe('deadlines', () => {
  beforeEach(() => vi.useFakeTimers());
  afterEach(() => vi.useRealTimers());

  it('expire in order, those that were cleared do not', async () => {
    const deadlines = createDeadlines(100);
    const expired: number[] = [];
    const add = (number: number) => deadlines.add(performance.now(), () => expired.push(number));
    add(1);
    const second = add(2);
    await vi.advanceTimersByTimeAsync(60);
    add(3);
    second.clear();
    second.clear();
    expect(deadlines.size).toBe(2);
    await vi.advanceTimersByTimeAsync(45);
    expect(expired).toEqual([1]);
    await vi.advanceTimersByTimeAsync(60);
    expect(expired).toEqual([1, 3]);
    expect(deadlines.size).toBe(0);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('share one timer, and none is left after the close', () => {
    const deadlines = createDeadlines(100);
    for (let number = 0; number < 50; number += 1) deadlines.add(performance.now(), () => undefined);
    expect(vi.getTimerCount()).toBe(1);
    deadlines.close();
    expect(vi.getTimerCount()).toBe(0);
    expect(deadlines.size).toBe(0);
  });

  it('may be added while others expire', async () => {
    const deadlines = createDeadlines(10);
    const expired: string[] = [];
    deadlines.add(performance.now(), () => {
      expired.push('first');
      deadlines.add(performance.now(), () => expired.push('second'));
    });
    await vi.advanceTimersByTimeAsync(50);
    expect(expired).toEqual(['first', 'second']);
  });
});

it('deadlines that are over do not keep the process running', () => {
  const timers = (): number => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
  const before = timers();
  const deadlines = createDeadlines(60_000);
  const first = deadlines.add(performance.now(), () => undefined);
  expect(timers()).toBe(before + 1);
  first.clear();
  expect(timers()).toBe(before);
  const second = deadlines.add(performance.now(), () => undefined);
  expect(timers()).toBe(before + 1);
  second.clear();
  expect(timers()).toBe(before);
  deadlines.close();
});

it('deadlines are not over when the event loop stood still: a client may send only in its next turn', async () => {
  const deadlines = createDeadlines(20);
  const expired: string[] = [];
  const answered = deadlines.add(performance.now(), () => expired.push('answered'));
  deadlines.add(performance.now(), () => expired.push('never answered'));
  const until = performance.now() + 100;
  while (performance.now() < until);
  await new Promise((resolve) => setImmediate(() => setTimeout(resolve, 5)));
  expect(expired).toEqual([]);
  answered.clear();
  await vi.waitUntil(() => expired.length > 0);
  expect(expired).toEqual(['never answered']);
  deadlines.close();
});
