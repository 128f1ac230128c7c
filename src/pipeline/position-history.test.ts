import { describe, expect, it } from 'vitest';
import { PositionHistory } from './position-history.ts';
import type { AppliedAt } from './ports.ts';

const place = (offset: number) => ({ serverUuid: 's', epoch: 0, file: 'f.000001', offset, fileCreatedAt: 0 });

function historyOf(stored: readonly AppliedAt[] = []) {
  const kept = [...stored];
  let now = 0;
  const history = new PositionHistory({
    window: 120_000,
    now: () => now,
    store: {
      loadHistory: () => Promise.resolve(kept),
      remember: (entry) => {
        kept.splice(0, Math.max(0, kept.length - 15));
        kept.push(entry);
        return Promise.resolve();
      },
    },
  });
  return {
    history,
    kept,
    at: (seconds: number, offset: number): void => {
      now = seconds * 1000;
      history.advance(place(offset));
    },
  };
}

describe('the history of positions', () => {
  it('knows what was acknowledged before the window, however long the daemon was idle', () => {
    const { history, at } = historyOf();
    at(0, 10);
    at(3600, 20);
    at(3601, 30);
    expect(history.lowestRecent()).toEqual(place(10));
    at(3725, 40);
    expect(history.lowestRecent()).toEqual(place(30));
  });

  it('gives the lowest position where a repetition went back within the window', () => {
    const { history, at } = historyOf();
    at(0, 10);
    at(100, 50);
    at(101, 20);
    at(150, 60);
    at(230, 70);
    expect(history.lowestRecent()).toEqual(place(20));
  });

  it('is empty at first', () => {
    expect(historyOf().history.lowestRecent()).toBeUndefined();
  });

  it('outlives the process, with few entries', async () => {
    const { history, kept, at } = historyOf();
    for (let second = 0; second < 600; second += 1) {
      at(second, second);
      await history.persist();
    }
    expect(kept.length).toBe(16);
    const next = historyOf(kept);
    await next.history.load();
    expect(next.history.lowestRecent()?.offset).toBeLessThanOrEqual(480);
    expect(next.history.lowestRecent()?.offset).toBeGreaterThan(450);
  });
});
