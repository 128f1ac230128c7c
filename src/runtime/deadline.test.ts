import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { withDeadline } from './deadline.ts';

describe('a deadline', () => {
  beforeEach(() => void vi.useFakeTimers());
  afterEach(() => void vi.useRealTimers());

  const late = (): Error => new Error('too late');

  it('gives the value of a promise that is in time, and clears its timer', async () => {
    await expect(withDeadline(Promise.resolve(7), 1000, late)).resolves.toBe(7);
    expect(vi.getTimerCount()).toBe(0);
  });

  it('gives the rejection of a promise that is in time, and clears its timer', async () => {
    await expect(withDeadline(Promise.reject(new Error('no')), 1000, late)).rejects.toThrow('no');
    expect(vi.getTimerCount()).toBe(0);
  });

  it('rejects with the given error when the time is over', async () => {
    const outcome = expect(withDeadline(new Promise(() => undefined), 1000, late)).rejects.toThrow(
      'too late',
    );
    await vi.advanceTimersByTimeAsync(1000);
    await outcome;
  });

  it('does not reject before the time is over', async () => {
    let settled = false;
    const waiting = withDeadline(new Promise(() => undefined), 1000, late).catch(() => (settled = true));
    await vi.advanceTimersByTimeAsync(999);
    expect(settled).toBe(false);
    await vi.advanceTimersByTimeAsync(1);
    await waiting;
    expect(settled).toBe(true);
  });

  it('leaves a late rejection handled', async () => {
    const unhandled = vi.fn();
    process.on('unhandledRejection', unhandled);
    try {
      let reject: (reason: Error) => void = () => undefined;
      const promise = new Promise<never>((_resolve, rejectIt) => (reject = rejectIt));
      const outcome = expect(withDeadline(promise, 10, late)).rejects.toThrow('too late');
      await vi.advanceTimersByTimeAsync(10);
      await outcome;
      reject(new Error('late failure'));
      vi.useRealTimers();
      // Node reports unhandled rejections after the microtasks of a turn.
      await new Promise((resolve) => setImmediate(resolve));
      expect(unhandled).not.toHaveBeenCalled();
    } finally {
      process.off('unhandledRejection', unhandled);
    }
  });
});
