import { describe, expect, it } from 'vitest';
import type { Checkpoint } from '../change/checkpoint.ts';
import type { SourcePosition } from '../change/position.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { CheckpointWriter } from './checkpoint-writer.ts';
import type { PositionStore } from './ports.ts';

const position = (offset: number): SourcePosition => ({
  serverUuid: 'u',
  epoch: 0,
  file: 'f',
  offset,
  fileCreatedAt: 0,
});
const log = { debug() {}, info() {}, warn() {}, error() {} };

function writerOver(save: (checkpoint: Checkpoint) => Promise<void>): CheckpointWriter {
  const store: PositionStore = { load: () => Promise.resolve(undefined), save };
  return new CheckpointWriter({
    store,
    clientId: 'c',
    mappingHash: 'h',
    fencingToken: 7,
    flushInterval: 1,
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
    log,
    onStored: () => undefined,
  });
}

describe('the checkpoint writer', () => {
  it('stores the newest position once and does not write while it stands still', async () => {
    const saved: number[] = [];
    const writer = writerOver((checkpoint) => {
      saved.push(checkpoint.position.offset);
      return Promise.resolve();
    });
    writer.startFrom({ position: position(1), mappingHash: 'h' });
    await writer.flush();
    writer.advance(position(2));
    writer.advance(position(3));
    await writer.flush();
    await writer.flush();
    expect(saved).toEqual([3]);
    expect(writer.stored?.offset).toBe(3);
  });

  it('stores another mapping, once, though the position stands still', async () => {
    const saved: string[] = [];
    const writer = writerOver((checkpoint) => {
      saved.push(checkpoint.mappingHash);
      return Promise.resolve();
    });
    writer.startFrom({ position: position(1), mappingHash: 'h' });
    writer.remap('other');
    await writer.flush();
    await writer.flush();
    expect(saved).toEqual(['other']);
  });

  it('keeps the position and writes it later when the state database does not answer', async () => {
    let fails = 2;
    const stored = Promise.withResolvers<number>();
    const writer = writerOver((checkpoint) => {
      fails -= 1;
      if (fails >= 0) return Promise.reject(new UnstaleError('UNSTALE_STATE_UNAVAILABLE', 'gone'));
      stored.resolve(checkpoint.position.offset);
      return Promise.resolve();
    });
    writer.advance(position(5));
    const stop = new AbortController();
    const running = writer.run(stop.signal);
    expect(await stored.promise).toBe(5);
    stop.abort();
    await running;
  });

  it('ends with the error when the state database refuses for good', async () => {
    const writer = writerOver(() => Promise.reject(new UnstaleError('UNSTALE_STATE_DENIED', 'no')));
    writer.advance(position(5));
    await expect(writer.run(new AbortController().signal)).rejects.toMatchObject({
      code: 'UNSTALE_STATE_DENIED',
    });
  });

  it('never has two writes at work at the same time, and ends with the newest position stored', async () => {
    const saved: number[] = [];
    let writing = 0;
    const writer = writerOver(async (checkpoint) => {
      writing += 1;
      expect(writing).toBe(1);
      await new Promise((resolve) => setImmediate(resolve));
      writing -= 1;
      saved.push(checkpoint.position.offset);
    });
    writer.advance(position(1));
    const first = writer.flush();
    await Promise.resolve();
    await Promise.resolve();
    writer.advance(position(2));
    await Promise.all([first, writer.flush()]);
    expect(saved).toEqual([1, 2]);
  });
});
