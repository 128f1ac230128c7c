import { describe, expect, it } from 'vitest';
import type { SourceEvent } from '../change/source-event.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { EventBuffer } from './event-buffer.ts';

const slice = (bytes: number): SourceEvent => ({
  kind: 'slice',
  slice: {
    mark: { gtid: undefined, epoch: 0, file: 'f', offset: 4 },
    sliceNo: 0,
    changes: [],
    bytes,
    committedAt: 0,
  },
});
const idle = (offset: number): SourceEvent => ({
  kind: 'idle',
  position: { serverUuid: 'u', epoch: 0, file: 'f', offset, fileCreatedAt: 0 },
});

function bufferOf(maxBytes: number): { buffer: EventBuffer; calls: string[] } {
  const calls: string[] = [];
  const buffer = new EventBuffer({
    maxBytes,
    maxEvents: 100,
    pause: () => calls.push('pause'),
    resume: () => calls.push('resume'),
  });
  return { buffer, calls };
}

describe('the event buffer', () => {
  it('pauses the connection at its limit once, and resumes it when it was read', async () => {
    const { buffer, calls } = bufferOf(100);
    buffer.push(slice(60));
    buffer.push(slice(60));
    buffer.push(slice(60));
    expect(calls).toEqual(['pause']);
    expect(await buffer.read()).toHaveLength(3);
    expect(calls).toEqual(['pause', 'resume']);
    expect(buffer.bytes).toBe(0);
  });

  it('keeps only the newest of several positions in a row, and never one before a change', async () => {
    const { buffer } = bufferOf(100);
    for (const event of [idle(1), idle(2), slice(1), idle(3), idle(4)]) buffer.push(event);
    expect(await buffer.read()).toEqual([idle(2), slice(1), idle(4)]);
  });

  it('hands on what arrived before a failure, then the failure', async () => {
    const { buffer } = bufferOf(100);
    buffer.push(slice(1));
    buffer.fail(new UnstaleError('UNSTALE_POSITION_PURGED', 'gone'));
    expect(await buffer.read()).toHaveLength(1);
    await expect(buffer.read()).rejects.toMatchObject({ code: 'UNSTALE_POSITION_PURGED' });
  });

  it('wakes a waiting reader when it is closed, and drops what was not read', async () => {
    const { buffer } = bufferOf(100);
    const reading = buffer.read();
    buffer.close();
    expect(await reading).toEqual([]);
    buffer.push(slice(1));
    expect(await buffer.read()).toEqual([]);
  });
});
