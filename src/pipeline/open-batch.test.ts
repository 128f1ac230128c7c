import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CacheCommand } from '../change/command.ts';
import { OpenBatch } from './open-batch.ts';

const limits = { maxCommands: 3, maxBytes: 1000 };
const rule = 'rules[0]';

const name = fc.constantFrom('a', 'b', 'c', 'd');
const anyCommand: fc.Arbitrary<CacheCommand> = fc.oneof(
  fc.record({
    kind: fc.constantFrom('delete' as const, 'set-keys' as const, 'generation' as const),
    key: name,
    rule: fc.constant(rule),
  }),
  fc.record({
    kind: fc.constant('scope' as const),
    pattern: name,
    members: fc.boolean(),
    reason: fc.constant('ddl' as const),
    rule: fc.constant(rule),
  }),
);

describe('the open batch', () => {
  it('holds each command once however often it was added, and loses none', () => {
    fc.assert(
      fc.property(fc.array(anyCommand), (commands) => {
        const batch = new OpenBatch(limits);
        for (const command of commands) batch.add([command]);
        const distinct = new Set(commands.map((command) => JSON.stringify(command)));
        expect(batch.isFull).toBe(distinct.size >= limits.maxCommands);
        const sent = batch.take(1).commands.map((command) => JSON.stringify(command));
        expect(sent.toSorted()).toEqual([...distinct].toSorted());
      }),
    );
  });

  it('is full by commands or by bytes', () => {
    const byCommands = new OpenBatch(limits);
    byCommands.add([
      { kind: 'delete', key: 'a', rule },
      { kind: 'generation', key: 'a', rule },
      { kind: 'scope', pattern: 'c*', members: false, reason: 'ddl', rule },
    ]);
    expect(byCommands.isFull).toBe(true);
    const byBytes = new OpenBatch(limits);
    byBytes.account(1000, 5);
    expect(byBytes.isFull).toBe(true);
  });

  it('holds each lookup once, and takes no two different ones for the same', () => {
    const different = [
      { lookup: 0, parameters: [1] },
      { lookup: 1, parameters: [1] },
      { lookup: 0, parameters: ['1'] },
      { lookup: 0, parameters: [1, null] },
      { lookup: 0, parameters: ['a', 'b'] },
      { lookup: 0, parameters: ['a,b'] },
      { lookup: 0, parameters: [new Uint8Array([1, 2])] },
      { lookup: 0, parameters: [Buffer.from([1, 2, 0])] },
      { lookup: 0, parameters: [null] },
      { lookup: 0, parameters: [] },
    ];
    const batch = new OpenBatch({ ...limits, maxCommands: different.length });
    batch.addLookups(different);
    batch.addLookups(different);
    expect(batch.isEmpty).toBe(false);
    expect(batch.isFull).toBe(true);
    const taken = batch.take(1);
    expect(taken.lookups).toEqual(different);
    expect(taken.commands).toEqual([]);
    expect(batch.isEmpty).toBe(true);
    expect(batch.take(2).lookups).toEqual([]);
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
