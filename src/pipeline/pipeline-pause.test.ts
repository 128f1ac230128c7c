import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CacheCommand } from '../change/command.ts';
import type { SourcePosition } from '../change/position.ts';
import type { SourceEvent } from '../change/source-event.ts';
import type { MappingPlan } from '../mapping/plan.ts';
import { Pipeline } from './pipeline.ts';
import type { ChangeSource, CommandSink } from './ports.ts';

const table = { schema: 'shop', table: 'users' };
const COUNT = 60;

const position = (offset: number): SourcePosition => ({
  serverUuid: 'u',
  epoch: 0,
  file: 'f.000001',
  offset,
  fileCreatedAt: 0,
});
const tick = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const ticks = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await tick();
};

/** Transaction number `n` changes the keys `n/0` and `n/1`, in two slices. */
const slices = (n: number): SourceEvent[] =>
  [0, 1].map((sliceNo) => ({
    kind: 'slice',
    slice: {
      mark: { gtid: { source: 'u', sequence: n }, epoch: 0, file: 'f.000001', offset: n - 1 },
      sliceNo,
      changes: [{ op: 'insert', table, after: [`${n}/${sliceNo}`] }],
      bytes: 10,
      committedAt: n,
      ...(sliceNo === 1 ? { resumeAfter: position(n) } : {}),
    },
  }));

const plan: MappingPlan = {
  hash: 'h',
  interests: {
    named: [{ table, columns: ['id'] }],
    of: () => ({ table, columns: ['id'] }),
    mayReach: () => true,
    hasPatterns: false,
  },
  rules: [],
  lookups: [],
  labelOf: () => 'shop.users',
  map: (change, out) => {
    if (change.op === 'insert')
      out.commands.push({ kind: 'delete', key: String(change.after[0]), rule: 'rules[0]' });
  },
  scopes: () => [],
};

/** Every transaction behind number `after`, a few events at a time, and then silence until it is closed. */
function sourceFrom(after: number, chunk: number): ChangeSource {
  const events = Array.from({ length: COUNT - after }, (_, index) => slices(after + index + 1)).flat();
  const closed = Promise.withResolvers<void>();
  let isClosed = false;
  return {
    open: () => Promise.resolve(position(after)),
    read: async () => {
      await tick();
      if (!isClosed && events.length === 0) await closed.promise;
      return isClosed ? [] : events.splice(0, chunk);
    },
    close: () => {
      isClosed = true;
      closed.resolve();
      return Promise.resolve();
    },
  };
}

function start(chunk: number) {
  const keys = new Set<string>();
  const positions: number[] = [];
  const sink: CommandSink = {
    apply: async ({ commands }) => {
      await tick();
      for (const command of commands) keys.add(nameOf(command));
      return { outcome: 'durable', removed: 0 };
    },
  };
  const pipeline = new Pipeline({
    source: sourceFrom(0, chunk),
    sink,
    plan,
    barrier: undefined,
    limits: { maxCommands: 10, maxBytes: 10_000, maxDelay: 1, inFlight: 2 },
    sleep: tick,
    retryDelay: tick,
    observer: {
      transaction() {},
      rows() {},
      rowsSkipped() {},
      scope() {},
      applied() {},
      acknowledged() {},
      retry() {},
    },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    onApplied: ({ offset }) => positions.push(offset),
  });
  return { pipeline, keys, positions, running: pipeline.run() };
}

function nameOf(command: CacheCommand): string {
  return command.kind === 'scope' ? command.pattern : command.key;
}

/** As much as a batch under way, one that is open and its linger take. */
const settle = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, 8));

describe('a pipeline that is paused', () => {
  it('applies nothing more once what was read is finished, and all of it after a resume', async () => {
    const { pipeline, keys, positions, running } = start(3);
    await ticks(8);
    pipeline.pause();
    await settle();
    const before = keys.size;
    expect(before).toBeLessThan(COUNT * 2);
    await settle();
    expect(keys.size).toBe(before);
    expect(pipeline.oldestUnappliedAt).toBeGreaterThan(0);
    pipeline.resume();
    while (positions.at(-1) !== COUNT) await tick();
    expect(keys.size).toBe(COUNT * 2);
    await pipeline.stop();
    await running;
  });

  it('ends at once when it is stopped, with the position before what was not applied', async () => {
    const { pipeline, keys, positions, running } = start(5);
    await ticks(4);
    pipeline.pause();
    await settle();
    await pipeline.stop();
    await running;
    const reached = positions.at(-1) ?? 0;
    expect(reached).toBeLessThan(COUNT);
    for (let n = 1; n <= reached; n += 1) expect(keys.has(`${n}/0`) && keys.has(`${n}/1`)).toBe(true);
  });

  it('loses nothing, however pauses, resumes and other streams follow each other', async () => {
    const step = fc.record({
      act: fc.constantFrom('pause', 'resume', 'switch'),
      after: fc.integer({ min: 0, max: 12 }),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(step, { maxLength: 12 }),
        fc.integer({ min: 1, max: 9 }),
        async (steps, chunk) => {
          const { pipeline, keys, positions, running } = start(chunk);
          const switches: Promise<boolean>[] = [];
          for (const { act, after } of steps) {
            await ticks(after);
            if (act === 'pause') pipeline.pause();
            else if (act === 'resume') pipeline.resume();
            else {
              // One at a time, as the daemon does.
              await Promise.all(switches);
              switches.push(
                pipeline.switchTo((readTo) => {
                  const source = sourceFrom(readTo?.offset ?? 0, chunk);
                  return Promise.resolve({ source, plan, first: [] });
                }),
              );
            }
          }
          expect(await Promise.all(switches)).not.toContain(false);
          pipeline.resume();
          while (positions.at(-1) !== COUNT) await tick();
          await pipeline.stop();
          await running;
          expect(keys.size).toBe(COUNT * 2);
          expect(positions).toEqual(positions.toSorted((one, other) => one - other));
        },
      ),
      { numRuns: 60 },
    );
  });
});
