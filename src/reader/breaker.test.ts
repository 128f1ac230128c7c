import { describe, expect, it } from 'vitest';
import { createBreaker } from './breaker.ts';
import type { BreakerState } from './breaker.ts';

function breakerOf3(): { breaker: ReturnType<typeof createBreaker>; states: BreakerState[] } {
  const states: BreakerState[] = [];
  return { breaker: createBreaker({ failures: 3, openMs: 100 }, (state) => states.push(state)), states };
}

function fail(breaker: ReturnType<typeof createBreaker>, times: number, now = 0): void {
  for (let time = 0; time < times; time += 1) breaker.leave(breaker.enter(now), false, now);
}

describe('a breaker', () => {
  it('opens after so many failures without a success between them', () => {
    const { breaker, states } = breakerOf3();
    fail(breaker, 2);
    breaker.leave(breaker.enter(0), true, 0);
    fail(breaker, 2);
    expect(breaker.state).toBe('closed');
    fail(breaker, 1);
    expect(breaker.state).toBe('open');
    expect(breaker.enter(99)).toBe('refused');
    expect(states).toEqual(['open']);
  });

  it('admits one probe when its time is over, and closes when that succeeds', () => {
    const { breaker, states } = breakerOf3();
    fail(breaker, 3);
    expect(breaker.enter(100)).toBe('probe');
    expect(breaker.enter(100)).toBe('refused');
    breaker.leave('probe', true, 101);
    expect(breaker.enter(101)).toBe('normal');
    expect(states).toEqual(['open', 'half-open', 'closed']);
  });

  it('stays open for the same time again when the probe fails', () => {
    const { breaker } = breakerOf3();
    fail(breaker, 3);
    breaker.leave(breaker.enter(100), false, 150);
    expect(breaker.enter(249)).toBe('refused');
    expect(breaker.enter(250)).toBe('probe');
  });

  it('takes no notice of calls from before it opened', () => {
    const { breaker } = breakerOf3();
    const early = breaker.enter(0);
    fail(breaker, 3);
    breaker.leave(early, true, 1);
    expect(breaker.state).toBe('open');
  });
});
