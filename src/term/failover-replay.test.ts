import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../change/checkpoint.ts';
import type { SourcePosition } from '../change/position.ts';
import type { AppliedAt } from '../pipeline/ports.ts';
import { PositionHistory } from '../pipeline/position-history.ts';
import { FailoverReplay } from './failover-replay.ts';

const place = (offset: number): SourcePosition => ({
  serverUuid: 's',
  epoch: 0,
  file: 'f.000001',
  offset,
  fileCreatedAt: 0,
});
const stored = (offset: number): Checkpoint => ({
  clientId: 'c',
  position: place(offset),
  mappingHash: 'h',
  fencingToken: 0,
  savedAt: 0,
});

function replayOver(entries: readonly AppliedAt[], noted: string | undefined, now: string | undefined) {
  const saved: string[] = [];
  const replay = new FailoverReplay({
    history: new PositionHistory({
      isSameData: () => true,
      window: 10_000,
      store: {
        loadHistory: () => Promise.resolve(entries),
        remember: () => Promise.resolve(),
        keep: () => Promise.resolve(),
        loadAll: () => Promise.resolve(entries),
      },
    }),
    store: {
      loadDataset: () => Promise.resolve(noted),
      saveDataset: (identity) => {
        saved.push(identity);
        return Promise.resolve();
      },
    },
    identity: () => Promise.resolve(now),
    rewind: () => Promise.resolve(true),
    retryDelay: () => Promise.resolve(),
    signal: new AbortController().signal,
    log: { debug() {}, info() {}, warn() {}, error() {} },
    onReplay: () => undefined,
    onError: () => undefined,
  });
  return { replay, saved };
}

describe('a start after which other data is in Redis than the position speaks of', () => {
  const entries = [0, 20, 40].map((seconds) => ({ position: place(seconds), at: seconds * 1000 }));

  it('begins at what was acknowledged before the window', async () => {
    const { replay } = replayOver(entries, 'before', 'now');
    expect(await replay.startingAt(stored(45))).toEqual(place(20));
  });

  it('never begins behind the position that is stored: a repetition may have been cut off there', async () => {
    const { replay } = replayOver(entries, 'before', 'now');
    expect(await replay.startingAt(stored(5))).toEqual(place(5));
    expect(await replayOver([], 'before', 'now').replay.startingAt(stored(45))).toEqual(place(45));
  });

  it('notes the data that it saw', async () => {
    const { replay, saved } = replayOver(entries, 'before', 'now');
    await replay.startingAt(stored(45));
    await replay.noteDataset();
    expect(saved).toEqual(['now']);
  });
});

it('begins at the position that is stored where the data is the same, or nobody can say', async () => {
  for (const [noted, now] of [
    ['same', 'same'],
    [undefined, 'now'],
    ['before', undefined],
  ])
    expect(await replayOver([], noted, now).replay.startingAt(stored(45))).toBeUndefined();
});
