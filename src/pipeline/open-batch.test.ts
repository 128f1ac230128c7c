import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { OpenBatch } from './open-batch.ts';

const limits = { maxCommands: 3, maxBytes: 1000 };

describe('the open batch', () => {
  it('holds each key once however often it changed, and loses none', () => {
    fc.assert(
      fc.property(fc.array(fc.constantFrom('a', 'b', 'c', 'd')), (keys) => {
        const batch = new OpenBatch(limits);
        for (const key of keys) batch.add([{ kind: 'delete', key }]);
        const sent = batch.take(1).commands.map((command) => (command.kind === 'delete' ? command.key : ''));
        expect([...sent].toSorted()).toEqual([...new Set(keys)].toSorted());
      }),
    );
  });

  it('is full by commands or by bytes', () => {
    const byCommands = new OpenBatch(limits);
    byCommands.add([
      { kind: 'delete', key: 'a' },
      { kind: 'delete', key: 'b' },
      { kind: 'scope', pattern: 'c*', reason: 'ddl' },
    ]);
    expect(byCommands.isFull).toBe(true);
    const byBytes = new OpenBatch(limits);
    byBytes.account(1000, 5);
    expect(byBytes.isFull).toBe(true);
  });

  it('carries the oldest commit time and the newest position, and is empty after it was taken', () => {
    const batch = new OpenBatch(limits);
    batch.account(10, 50);
    batch.account(10, 40);
    batch.endAt({ serverUuid: 'u', epoch: 0, file: 'f', offset: 9, fileCreatedAt: 0 });
    expect(batch.isEmpty).toBe(false);
    expect(batch.take(4)).toMatchObject({
      seq: 4,
      bytes: 20,
      oldestCommitAt: 40,
      resumeAfter: { offset: 9 },
    });
    expect(batch.isEmpty).toBe(true);
    expect(batch.bytes).toBe(0);
  });
});
