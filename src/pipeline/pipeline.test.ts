import { describe, expect, it } from 'vitest';
import type { ApplyResult, CacheCommand, CommandBatch } from '../change/command.ts';
import type { SourcePosition } from '../change/position.ts';
import type { SourceEvent } from '../change/source-event.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { MappingPlan } from '../mapping/plan.ts';
import { Pipeline } from './pipeline.ts';
import type { PipelineOptions } from './pipeline.ts';
import type { Barrier, ChangeSource, CommandSink } from './ports.ts';

const table = { schema: 'shop', table: 'users' };
const position = (offset: number): SourcePosition => ({
  serverUuid: 'u',
  epoch: 0,
  file: 'f',
  offset,
  fileCreatedAt: 0,
});

/** Transaction number `n` changes key `n` and ends at offset `n`. */
const transaction = (n: number): SourceEvent => ({
  kind: 'slice',
  slice: {
    mark: { gtid: { source: 'u', sequence: n }, epoch: 0, file: 'f', offset: n - 1 },
    sliceNo: 0,
    changes: [{ op: 'insert', table, after: [n] }],
    bytes: 100,
    committedAt: n,
    resumeAfter: position(n),
  },
});

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
      out.commands.push({ kind: 'delete', key: `user:${String(change.after[0])}`, rule: 'rules[0]' });
  },
  scopes: (_tables, reason) => [
    { kind: 'scope', pattern: 'user:*', members: false, reason, rule: 'rules[0]' },
  ],
};

function scriptedSource(steps: readonly (readonly SourceEvent[])[]): ChangeSource & { closed: boolean } {
  const queue = [...steps];
  const source = {
    closed: false,
    open: () => Promise.resolve(position(0)),
    read: async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return source.closed ? [] : (queue.shift() ?? []);
    },
    close: () => {
      source.closed = true;
      return Promise.resolve();
    },
  };
  return source;
}

interface Sent {
  readonly batch: CommandBatch;
  readonly answer: (result: ApplyResult) => void;
}

function manualSink(): CommandSink & { readonly sent: Sent[]; next(count: number): Promise<void> } {
  const sent: Sent[] = [];
  let wake = (): void => undefined;
  return {
    sent,
    apply: (batch) =>
      new Promise((resolve) => {
        sent.push({ batch, answer: resolve });
        wake();
      }),
    next: async (count) => {
      while (sent.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

function optionsFor(source: ChangeSource, sink: CommandSink, applied: number[] = []): PipelineOptions {
  return {
    source,
    sink,
    plan,
    barrier: undefined,
    limits: { maxCommands: 10, maxBytes: 10_000, maxDelay: 1, inFlight: 2 },
    sleep: () => new Promise((resolve) => setImmediate(resolve)),
    retryDelay: () => new Promise((resolve) => setImmediate(resolve)),
    observer: {
      transaction() {},
      rows() {},
      rowsSkipped() {},
      scope() {},
      applied() {},
      acknowledged() {},
      retry() {},
      poisoned() {},
    },
    log: { debug() {}, info() {}, warn() {}, error() {} },
    onApplied: (reached) => applied.push(reached.offset),
  };
}

const keys = (commands: readonly CacheCommand[]): string[] =>
  commands.map((command) => (command.kind === 'scope' ? command.pattern : command.key));

describe('the pipeline', () => {
  it('sends the first change of an idle stream at once', async () => {
    const sink = manualSink();
    const pipeline = new Pipeline(optionsFor(scriptedSource([[transaction(1)]]), sink));
    const running = pipeline.run();
    await sink.next(1);
    expect(keys(sink.sent[0]?.batch.commands ?? [])).toEqual(['user:1']);
    sink.sent[0]?.answer({ outcome: 'durable', removed: 1 });
    await running;
  });

  it('moves the position only behind replies, in order, though a later batch is answered first', async () => {
    const applied: number[] = [];
    const sink = manualSink();
    const pipeline = new Pipeline(
      optionsFor(scriptedSource([[transaction(1)], [transaction(2)]]), sink, applied),
    );
    const running = pipeline.run();
    await sink.next(2);
    sink.sent[1]?.answer({ outcome: 'durable', removed: 1 });
    await new Promise((resolve) => setImmediate(resolve));
    expect(applied).toEqual([]);
    sink.sent[0]?.answer({ outcome: 'durable', removed: 1 });
    await running;
    expect(applied.at(-1)).toBe(2);
  });

  it('repeats a batch until Redis takes it, and does not move the position before', async () => {
    const applied: number[] = [];
    const sink = manualSink();
    const pipeline = new Pipeline(optionsFor(scriptedSource([[transaction(1)]]), sink, applied));
    const running = pipeline.run();
    for (let attempt = 0; attempt < 3; attempt += 1) {
      await sink.next(attempt + 1);
      sink.sent[attempt]?.answer({
        outcome: 'retryable',
        error: new UnstaleError('UNSTALE_REDIS_TIMEOUT', 'late'),
      });
    }
    await sink.next(4);
    expect(applied).toEqual([]);
    sink.sent[3]?.answer({ outcome: 'durable', removed: 0 });
    await running;
    expect(applied).toEqual([1]);
  });

  it('stops reading when Redis does not answer and the batch is full', async () => {
    const many = Array.from({ length: 100 }, (_, index) => [transaction(index + 1)]);
    let reads = 0;
    const inner = scriptedSource(many);
    const source: ChangeSource = {
      ...inner,
      read: () => {
        reads += 1;
        return inner.read();
      },
    };
    const sink = manualSink();
    const pipeline = new Pipeline(optionsFor(source, sink));
    const running = pipeline.run();
    await sink.next(2);
    // Two sent batches and the open one hold ten each at most; every turn of the loop could read one.
    for (let turn = 0; turn < 200; turn += 1) await new Promise((resolve) => setImmediate(resolve));
    expect(reads).toBeLessThan(30);
    pipeline.abandon();
    for (const { answer } of sink.sent) answer({ outcome: 'retryable', error: new Error('stopped') });
    await expect(running).rejects.toMatchObject({ code: 'UNSTALE_DRAIN_TIMEOUT' });
  });

  it('stops with the error, position unmoved, when Redis refuses a command for good', async () => {
    const applied: number[] = [];
    const sink = manualSink();
    const source = scriptedSource([[transaction(1)], [transaction(2)]]);
    const options = optionsFor(source, sink, applied);
    const poisoned: string[] = [];
    const observer = { ...options.observer, poisoned: ({ rule }: CacheCommand) => void poisoned.push(rule) };
    const pipeline = new Pipeline({ ...options, observer });
    const running = pipeline.run();
    await sink.next(1);
    sink.sent[0]?.answer({
      outcome: 'poisoned',
      command: { kind: 'delete', key: 'user:1', rule: 'rules[0]' },
      error: new UnstaleError('UNSTALE_REDIS_UNEXPECTED_REPLY', 'ERR what'),
    });
    for (const { answer } of sink.sent.slice(1)) answer({ outcome: 'durable', removed: 1 });
    await expect(running).rejects.toMatchObject({ code: 'UNSTALE_REDIS_UNEXPECTED_REPLY' });
    expect(applied).toEqual([]);
    expect(poisoned).toEqual(['rules[0]']);
    expect(source.closed).toBe(true);
  });

  it('moves the position over transactions without commands without asking Redis', async () => {
    const applied: number[] = [];
    const sink = manualSink();
    const pipeline = new Pipeline(
      optionsFor(scriptedSource([[{ kind: 'idle', position: position(8) }]]), sink, applied),
    );
    await pipeline.run();
    expect(applied).toEqual([8]);
    expect(sink.sent).toEqual([]);
  });

  it('holds an idle position back while an older batch waits for Redis', async () => {
    const applied: number[] = [];
    const sink = manualSink();
    const pipeline = new Pipeline(
      optionsFor(
        scriptedSource([[transaction(1)], [{ kind: 'idle', position: position(8) }]]),
        sink,
        applied,
      ),
    );
    const running = pipeline.run();
    await sink.next(1);
    await new Promise((resolve) => setImmediate(resolve));
    expect(applied).toEqual([]);
    sink.sent[0]?.answer({ outcome: 'durable', removed: 1 });
    await running;
    expect(applied.at(-1)).toBe(8);
  });

  it('turns a change without rows into the scope of its tables', async () => {
    const sink = manualSink();
    const pipeline = new Pipeline(
      optionsFor(
        scriptedSource([[{ kind: 'scope', tables: [table], reason: 'truncate', committedAt: 1 }]]),
        sink,
      ),
    );
    const running = pipeline.run();
    await sink.next(1);
    expect(sink.sent[0]?.batch.commands).toEqual([
      { kind: 'scope', pattern: 'user:*', members: false, reason: 'truncate', rule: 'rules[0]' },
    ]);
    sink.sent[0]?.answer({ outcome: 'durable', removed: 1 });
    await running;
  });

  it('does not end a transaction in the middle: its first slices carry no position', async () => {
    const applied: number[] = [];
    const sink = manualSink();
    const mark = { gtid: { source: 'u', sequence: 1 }, epoch: 0, file: 'f', offset: 4 };
    const slice = (n: number, last: boolean): SourceEvent => ({
      kind: 'slice',
      slice: {
        mark,
        sliceNo: n,
        changes: [{ op: 'insert', table, after: [n] }],
        bytes: 1,
        committedAt: 1,
        ...(last ? { resumeAfter: position(9) } : {}),
      },
    });
    const pipeline = new Pipeline(
      optionsFor(scriptedSource([[slice(0, false)], [slice(1, true)]]), sink, applied),
    );
    const running = pipeline.run();
    await sink.next(1);
    sink.sent[0]?.answer({ outcome: 'durable', removed: 1 });
    await sink.next(2);
    expect(applied).toEqual([]);
    sink.sent[1]?.answer({ outcome: 'durable', removed: 1 });
    await running;
    expect(applied).toEqual([9]);
  });
});

type Answer = 'visible' | 'unknown' | 'unknowable';

interface Question {
  readonly marks: readonly string[];
  readonly answer: (visibility: Answer) => void;
}

/** A barrier that is answered by the test; an abort ends a wait with `unknown`. */
function manualBarrier(): Barrier & { readonly asked: Question[]; next(count: number): Promise<void> } {
  const asked: Question[] = [];
  let wake = (): void => undefined;
  return {
    asked,
    pass: (marks, signal) =>
      new Promise((resolve) => {
        signal.addEventListener('abort', () => resolve('unknown'));
        asked.push({
          marks: marks.map(({ gtid }) => (gtid === undefined ? '' : `${gtid.source}:${gtid.sequence}`)),
          answer: resolve,
        });
        wake();
      }),
    next: async (count) => {
      while (asked.length < count) await new Promise<void>((resolve) => (wake = resolve));
    },
  };
}

const turns = async (count: number): Promise<void> => {
  for (let turn = 0; turn < count; turn += 1) await new Promise((resolve) => setImmediate(resolve));
};

/** A source that delivers the steps, and then nothing until it is closed. */
function openSource(steps: readonly (readonly SourceEvent[])[]): ChangeSource & { reads: number } {
  const queue = [...steps];
  let end = (): void => undefined;
  const closed = new Promise<readonly SourceEvent[]>((resolve) => (end = () => resolve([])));
  const source = {
    reads: 0,
    open: () => Promise.resolve(position(0)),
    read: async (): Promise<readonly SourceEvent[]> => {
      source.reads += 1;
      await turns(1);
      return queue.shift() ?? closed;
    },
    close: () => {
      end();
      return Promise.resolve();
    },
  };
  return source;
}

describe('the pipeline behind a visibility barrier', () => {
  it('asks for the transactions of a batch before Redis is touched, and reads on meanwhile', async () => {
    const sink = manualSink();
    const barrier = manualBarrier();
    const source = openSource([[transaction(1)], [transaction(2)]]);
    const pipeline = new Pipeline({ ...optionsFor(source, sink), barrier });
    const running = pipeline.run();
    await barrier.next(2);
    expect(barrier.asked.map(({ marks }) => marks)).toEqual([['u:1'], ['u:2']]);
    expect(sink.sent).toEqual([]);
    barrier.asked[0]?.answer('visible');
    barrier.asked[1]?.answer('visible');
    await sink.next(2);
    for (const { answer } of sink.sent) answer({ outcome: 'durable', removed: 1 });
    await source.close();
    await running;
  });

  it('sends a batch in doubt at once, again when it is visible, and moves the position only then', async () => {
    const applied: number[] = [];
    const sink = manualSink();
    const barrier = manualBarrier();
    const source = openSource([[transaction(1)]]);
    const pipeline = new Pipeline({ ...optionsFor(source, sink, applied), barrier });
    const running = pipeline.run();
    await barrier.next(1);
    barrier.asked[0]?.answer('unknown');
    await sink.next(1);
    sink.sent[0]?.answer({ outcome: 'durable', removed: 1 });
    await barrier.next(2);
    barrier.asked[1]?.answer('unknown');
    await barrier.next(3);
    expect(applied).toEqual([]);
    expect(sink.sent).toHaveLength(1);
    barrier.asked[2]?.answer('visible');
    await sink.next(2);
    expect(sink.sent[1]?.batch).toBe(sink.sent[0]?.batch);
    expect(applied).toEqual([]);
    sink.sent[1]?.answer({ outcome: 'durable', removed: 0 });
    await turns(3);
    expect(applied).toEqual([1]);
    await source.close();
    await running;
  });

  it('repeats after a pause, without asking again, what nobody can tell', async () => {
    const applied: number[] = [];
    const pauses: number[] = [];
    const sink = manualSink();
    const barrier = manualBarrier();
    const source = openSource([[transaction(1)]]);
    const pipeline = new Pipeline({
      ...optionsFor(source, sink, applied),
      barrier,
      sleep: (ms) => {
        pauses.push(ms);
        return Promise.resolve();
      },
    });
    const running = pipeline.run();
    await barrier.next(1);
    barrier.asked[0]?.answer('unknowable');
    await sink.next(1);
    sink.sent[0]?.answer({ outcome: 'durable', removed: 1 });
    await sink.next(2);
    expect(pauses).toHaveLength(1);
    expect(pauses[0]).toBeGreaterThan(0);
    expect(barrier.asked).toHaveLength(1);
    sink.sent[1]?.answer({ outcome: 'durable', removed: 0 });
    await turns(3);
    expect(applied).toEqual([1]);
    await source.close();
    await running;
  });

  it('repeats a delete later too when those who could tell have told, and the others never will', async () => {
    const applied: number[] = [];
    const pauses: number[] = [];
    const sink = manualSink();
    const barrier = manualBarrier();
    const source = openSource([[transaction(1)]]);
    const pipeline = new Pipeline({
      ...optionsFor(source, sink, applied),
      barrier,
      sleep: (ms) => {
        pauses.push(ms);
        return Promise.resolve();
      },
    });
    const running = pipeline.run();
    await barrier.next(1);
    barrier.asked[0]?.answer('unknown');
    await sink.next(1);
    sink.sent[0]?.answer({ outcome: 'durable', removed: 1 });
    await barrier.next(2);
    barrier.asked[1]?.answer('unknowable');
    await sink.next(2);
    expect(pauses).toHaveLength(1);
    expect(applied).toEqual([]);
    sink.sent[1]?.answer({ outcome: 'durable', removed: 0 });
    await turns(3);
    expect(applied).toEqual([1]);
    await source.close();
    await running;
  });

  it('does not let batches in doubt take the places of others, which still wait for them with the position', async () => {
    const applied: number[] = [];
    const sink = manualSink();
    const barrier = manualBarrier();
    const source = openSource([1, 2, 3, 4].map((n) => [transaction(n)]));
    // Batches of one, so that four need more places than there are.
    const options = optionsFor(source, sink, applied);
    const pipeline = new Pipeline({ ...options, barrier, limits: { ...options.limits, maxCommands: 1 } });
    const running = pipeline.run();
    for (const n of [1, 2, 3]) {
      const question = await asked(barrier, `u:${n}`, 0);
      question.answer('unknown');
      await sink.next(n);
      sink.sent[n - 1]?.answer({ outcome: 'durable', removed: 1 });
    }
    (await asked(barrier, 'u:4', 0)).answer('visible');
    await sink.next(4);
    sink.sent[3]?.answer({ outcome: 'durable', removed: 1 });
    await turns(3);
    expect(applied).toEqual([]);
    for (const n of [1, 2, 3]) {
      (await asked(barrier, `u:${n}`, 1)).answer('visible');
      await sink.next(4 + n);
      sink.sent[3 + n]?.answer({ outcome: 'durable', removed: 0 });
    }
    await turns(3);
    expect(applied.at(-1)).toBe(4);
    await source.close();
    await running;
  });

  it('stops reading when too many commands wait for their repetition', async () => {
    const sink = manualSink();
    const barrier = manualBarrier();
    const size = 10_000;
    const many = Array.from({ length: 40 }, (_, step) => [
      manyRows(
        step,
        Array.from({ length: size }, (__, row) => step * size + row),
      ),
    ]);
    const source = openSource(many);
    const options = optionsFor(source, sink);
    const pipeline = new Pipeline({
      ...options,
      sink: { apply: () => Promise.resolve({ outcome: 'durable', removed: 0 }) },
      barrier: {
        pass: async (marks, signal) => {
          // The first question about a batch stays open for good the second time.
          const known = barrier.asked.some(({ marks: [first] }) => first === marks[0]?.gtid);
          const answer = barrier.pass(marks, signal);
          if (!known) barrier.asked.at(-1)?.answer('unknown');
          return answer;
        },
      },
      limits: { ...options.limits, maxCommands: size },
    });
    const running = pipeline.run();
    await turns(500);
    expect(source.reads).toBeGreaterThanOrEqual(10);
    expect(source.reads).toBeLessThan(16);
    pipeline.abandon();
    await expect(running).rejects.toMatchObject({ code: 'UNSTALE_DRAIN_TIMEOUT' });
  });

  it('asked to stop, it does not wait for batches in doubt and leaves them to the next start', async () => {
    const applied: number[] = [];
    const sink = manualSink();
    const barrier = manualBarrier();
    const source = openSource([[transaction(1)]]);
    const pipeline = new Pipeline({ ...optionsFor(source, sink, applied), barrier });
    const running = pipeline.run();
    await barrier.next(1);
    barrier.asked[0]?.answer('unknown');
    await sink.next(1);
    sink.sent[0]?.answer({ outcome: 'durable', removed: 1 });
    await barrier.next(2);
    await source.close();
    await running;
    expect(applied).toEqual([]);
    expect(sink.sent).toHaveLength(1);
  });

  it('given up while it waits for the barrier, it ends without touching Redis', async () => {
    const sink = manualSink();
    const barrier = manualBarrier();
    const pipeline = new Pipeline({ ...optionsFor(openSource([[transaction(1)]]), sink), barrier });
    const running = pipeline.run();
    await barrier.next(1);
    pipeline.abandon();
    await expect(running).rejects.toMatchObject({ code: 'UNSTALE_DRAIN_TIMEOUT' });
    expect(sink.sent).toEqual([]);
  });
});

/** The question number `nth` about a transaction, once it is asked. */
async function asked(
  barrier: ReturnType<typeof manualBarrier>,
  gtid: string,
  nth: number,
): Promise<Question> {
  for (;;) {
    const found = barrier.asked.filter(({ marks }) => marks[0] === gtid)[nth];
    if (found !== undefined) return found;
    await turns(1);
  }
}

function manyRows(n: number, ids: readonly number[]): SourceEvent {
  return {
    kind: 'slice',
    slice: {
      mark: { gtid: { source: 'u', sequence: n }, epoch: 0, file: 'f', offset: n },
      sliceNo: 0,
      changes: ids.map((id) => ({ op: 'insert', table, after: [id] })),
      bytes: 100,
      committedAt: n,
      resumeAfter: position(n + 1),
    },
  };
}
