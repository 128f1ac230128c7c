import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PositionHistory } from './position-history.ts';
import type { AppliedAt } from './ports.ts';

const place = (offset: number) => ({ serverUuid: 's', epoch: 0, file: 'f.000001', offset, fileCreatedAt: 0 });

function historyOf(stored: readonly AppliedAt[] = [], window = 120_000) {
  const kept = [...stored];
  let now = 0;
  const data = { isSame: true };
  const history = new PositionHistory({
    window,
    isSameData: () => data.isSame,
    now: () => now,
    store: {
      loadHistory: () => Promise.resolve(kept),
      remember: (entry) => {
        kept.splice(0, Math.max(0, kept.length - 15));
        kept.push(entry);
        return Promise.resolve();
      },
      keep: () => Promise.resolve(),
      loadAll: () => Promise.resolve(kept),
    },
  });
  return {
    history,
    kept,
    data,
    at: (seconds: number, offset: number): void => {
      now = seconds * 1000;
      history.advance(place(offset));
    },
    again: (seconds: number, offset: number): void => {
      now = seconds * 1000;
      history.begin(place(offset));
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

  it('gives where a repetition began whose first changes may be lost too, also to the next process', async () => {
    const { history, kept, at, again } = historyOf();
    at(0, 10);
    at(1, 20);
    await history.persist();
    for (const second of [1000, 1001]) {
      again(second, 10);
      await history.persist();
    }
    expect(kept.map(({ position }) => position.offset)).toEqual([20, 10, 10]);
    at(1002, 15);
    expect(history.lowestRecent()).toEqual(place(10));
    at(1020, 18);
    await history.persist();
    const next = historyOf(kept);
    await next.history.load();
    expect(next.history.lowestRecent()).toEqual(place(10));
  });

  it('tells the time by the data that may be lost: neither by an outage of it nor by what other data acknowledges', () => {
    const { history, data, at, again } = historyOf();
    at(0, 10);
    at(100, 20);
    data.isSame = false;
    at(1000, 30);
    data.isSame = true;
    expect(history.lowestRecent()).toEqual(place(10));
    history.hold();
    at(1001, 40);
    expect(history.lowestRecent()).toEqual(place(10));
    again(1002, 10);
    at(1003, 20);
    at(1200, 30);
    expect(history.lowestRecent()).toEqual(place(20));
  });

  it('goes back by no more than the window and a second, whatever was acknowledged before a pause', () => {
    const { history, at } = historyOf([], 1);
    at(0, 10);
    for (let tenth = 1; tenth < 9; tenth += 1) at(tenth / 10, 10 + tenth);
    at(3600, 20);
    expect(history.lowestRecent()).toEqual(place(18));
    at(3600.0005, 21);
    expect(history.lowestRecent()).toEqual(place(18));
  });

  it('goes back by the window at least and by a second more at most', () => {
    fc.assert(
      fc.property(
        fc.array(fc.nat({ max: 3000 }), { minLength: 1, maxLength: 60 }),
        fc.nat({ max: 10_000 }),
        (pauses, window) => {
          const { history, at } = historyOf([], window);
          const seen: { readonly ms: number; readonly offset: number }[] = [];
          let ms = 0;
          for (const [offset, pause] of pauses.entries()) {
            ms += pause;
            at(ms / 1000, offset);
            seen.push({ ms, offset });
          }
          const upTo = (moment: number): number =>
            seen.findLast((acknowledged) => acknowledged.ms <= moment)?.offset ?? 0;
          const from = history.lowestRecent()?.offset;
          expect(from).toBeLessThanOrEqual(upTo(ms - window));
          expect(from).toBeGreaterThanOrEqual(upTo(ms - window - 1000));
        },
      ),
    );
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
