import { describe, expect, it } from 'vitest';
import { OperatorPause } from './pause.ts';

function pauseOf() {
  const clock = { now: 1000, heldBack: 0 };
  const calls: string[] = [];
  const pause = new OperatorPause({
    heldBackMs: () => clock.heldBack,
    now: () => clock.now,
    log: { debug() {}, info() {}, warn() {}, error() {} },
  });
  const pipeline = { pause: () => void calls.push('pause'), resume: () => void calls.push('resume') };
  pause.attach(pipeline);
  return { pause, clock, calls, pipeline };
}

describe('a pause of the operator', () => {
  it('begins once and ends once, however often it is asked for', () => {
    const { pause, clock, calls } = pauseOf();
    expect(pause.pause()).toBe(1000);
    clock.now = 2000;
    expect(pause.pause()).toBe(1000);
    pause.resume();
    pause.resume();
    expect(pause.since).toBeUndefined();
    expect(calls).toEqual(['pause', 'resume']);
  });

  it('holds for a pipeline that takes over', () => {
    const { pause, calls, pipeline } = pauseOf();
    pause.pause();
    pause.attach(pipeline);
    pause.resume();
    pause.attach(pipeline);
    expect(calls).toEqual(['pause', 'pause', 'resume']);
  });

  it('counts the time in which the source did not hold the binlog back anyway', () => {
    const { pause, clock } = pauseOf();
    clock.heldBack = 500;
    pause.pause();
    clock.now = 4000;
    clock.heldBack = 1500;
    expect(pause.extraMs).toBe(2000);
    pause.resume();
    clock.now = 9000;
    expect(pause.extraMs).toBe(2000);
    pause.pause();
    clock.now = 9100;
    expect(pause.extraMs).toBe(2100);
  });
});
