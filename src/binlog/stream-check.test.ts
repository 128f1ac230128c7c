import { describe, expect, it } from 'vitest';
import type { SourcePosition } from '../change/position.ts';
import type { BinlogFile } from './binlog-files.ts';
import { StreamCheck } from './stream-check.ts';
import type { StreamState } from './stream-check.ts';

function at(file: string, offset: number): SourcePosition {
  return { serverUuid: 'a', epoch: 0, file, offset, fileCreatedAt: 1 };
}

function state(reached: SourcePosition, events: number, paused = false): StreamState {
  return { reached, events, paused };
}

const one = (size: number): readonly BinlogFile[] => [{ name: 'binlog.000001', size }];

describe('a dump beside the files of its server', () => {
  it('is not doubted while it keeps up, idles, or lags behind a write of just now', () => {
    const check = new StreamCheck();
    expect(check.look(one(100), state(at('binlog.000001', 100), 1))).toBeUndefined();
    expect(check.look(one(200), state(at('binlog.000001', 100), 1))).toBeUndefined();
    expect(check.look(one(300), state(at('binlog.000001', 300), 2))).toBeUndefined();
    expect(check.look(one(300), state(at('binlog.000001', 300), 2))).toBeUndefined();
  });

  it('is doubted when its file has become smaller, or is numbered anew', () => {
    const smaller = new StreamCheck();
    smaller.look(one(500), state(at('binlog.000001', 500), 1));
    expect(smaller.look(one(200), state(at('binlog.000001', 500), 1))).toContain('do not hold');
    const renumbered = new StreamCheck();
    renumbered.look([{ name: 'binlog.000007', size: 500 }], state(at('binlog.000007', 500), 1));
    expect(renumbered.look(one(600), state(at('binlog.000007', 500), 1))).toContain('do not hold');
  });

  it('is doubted once when nothing arrives of what was written before the previous look', () => {
    const check = new StreamCheck();
    check.look(one(100), state(at('binlog.000001', 100), 1));
    expect(check.look(one(300), state(at('binlog.000001', 100), 1))).toBeUndefined();
    expect(check.look(one(300), state(at('binlog.000001', 100), 1))).toContain('nothing arrives');
    check.restart();
    check.look(one(300), state(at('binlog.000001', 100), 1));
    expect(check.look(one(300), state(at('binlog.000001', 100), 1))).toBeUndefined();
  });

  it('is not doubted while it is held back on purpose, or works off a backlog', () => {
    const check = new StreamCheck();
    check.look(one(900), state(at('binlog.000001', 100), 1, true));
    expect(check.look(one(900), state(at('binlog.000001', 100), 1))).toBeUndefined();
    expect(check.look(one(900), state(at('binlog.000001', 200), 2))).toBeUndefined();
    expect(check.look(one(900), state(at('binlog.000001', 300), 3))).toBeUndefined();
  });
});
