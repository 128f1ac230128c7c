import { describe, expect, it } from 'vitest';
import type { CacheCommand, CommandBatch, LookupRequest } from '../change/command.ts';
import { Delivery } from './delivery.ts';
import type { DeliveryOptions } from './delivery.ts';
import type { LookupRunner } from './ports.ts';

const rule = 'rules[0]';
const del = (key: string, of = rule): CacheCommand => ({ kind: 'delete', key, rule: of });
const batch = (commands: readonly CacheCommand[], lookups: CommandBatch['lookups'] = []): CommandBatch => ({
  seq: 1,
  commands,
  lookups,
  bytes: 1,
  marks: [],
});
/** Lookups that give these parts. */
const answering = (
  parts: (requests: readonly LookupRequest[]) => Iterable<readonly CacheCommand[]>,
): LookupRunner => ({
  async *resolve(requests) {
    await Promise.resolve();
    yield* parts(requests);
  },
});

/** A delivery whose clock goes from the end of one sleep to the next; keeps what was sent, and when. */
function deliveryOf(more: Partial<DeliveryOptions> = {}) {
  const abort = new AbortController();
  const drain = new AbortController();
  const sent: { readonly keys: readonly string[]; readonly at: number }[] = [];
  const seen: string[] = [];
  const lines: string[] = [];
  const errors: unknown[] = [];
  const sleepers: number[] = [];
  let now = 0;
  const delivery = new Delivery({
    redeletes: new Map(),
    sink: {
      apply: ({ commands }) => {
        sent.push({ keys: commands.map((c) => (c.kind === 'scope' ? c.pattern : c.key)), at: now });
        return Promise.resolve({ outcome: 'durable', removed: 0 });
      },
    },
    lookups: undefined,
    rateLimits: undefined,
    maxCommands: 10,
    abort: abort.signal,
    drain: drain.signal,
    retryDelay: () => Promise.resolve(),
    sleep: async (ms, signal) => {
      const until = now + ms;
      sleepers.push(until);
      while (now < until && !signal.aborted) {
        await new Promise((resolve) => setImmediate(resolve));
        now = Math.max(now, Math.min(...sleepers));
      }
      sleepers.splice(sleepers.indexOf(until), 1);
    },
    now: () => now,
    observer: {
      transaction() {},
      rows() {},
      rowsSkipped() {},
      scope() {},
      applied: ({ commands }) => {
        for (const command of commands) if (command.kind !== 'scope') seen.push(command.key);
      },
      acknowledged() {},
      retry() {},
      poisoned() {},
    },
    log: {
      debug() {},
      info: (_fields, message) => lines.push(message),
      warn: (_fields, message) => lines.push(message),
      error() {},
    },
    onError: (error) => errors.push(error),
    ...more,
  });
  return { delivery, abort, drain, sent, seen, lines, errors };
}

describe('the delivery of lookups', () => {
  it('sends what lookups give with the commands of the batch, each once, in parts that are not too large', async () => {
    const found = Array.from({ length: 25 }, (_, n) => del(`k${n}`));
    const { delivery, sent, seen } = deliveryOf({
      lookups: answering(() => [found]),
    });
    await delivery.deliver(batch([del('own'), del('k3')], [{ lookup: 0, parameters: [1] }]));
    const keys = sent.flatMap((part) => part.keys);
    expect(keys.toSorted()).toEqual(
      ['own', ...found.map((c) => (c.kind === 'delete' ? c.key : ''))].toSorted(),
    );
    expect(Math.max(...sent.map((part) => part.keys.length))).toBe(10);
    expect(seen).toEqual(keys);
  });

  it('asks again each time that a batch is sent', async () => {
    const asked: unknown[] = [];
    const { delivery, sent } = deliveryOf({
      lookups: answering((requests) => [[del(`time ${asked.push(requests)}`)]]),
    });
    const doubted = batch([], [{ lookup: 0, parameters: [1] }]);
    expect(await delivery.deliverInDoubt(doubted)).toBe(true);
    expect(await delivery.deliver(doubted)).toEqual({});
    expect(sent.flatMap(({ keys }) => keys)).toEqual(['time 1', 'time 2']);
  });

  it('sends each part of what lookups give before it takes the next, and its own commands with the first', async () => {
    let sentSoFar = (): number => 0;
    const { delivery, sent } = deliveryOf({
      lookups: answering(function* () {
        yield [del('a')];
        yield [del('b'), del(`after ${sentSoFar()}`)];
      }),
    });
    sentSoFar = () => sent.length;
    await delivery.deliver(batch([del('own')], [{ lookup: 0, parameters: [1] }]));
    expect(sent.map(({ keys }) => keys)).toEqual([
      ['own', 'a'],
      ['b', 'after 1'],
    ]);
  });

  it('sends its own commands when lookups give nothing', async () => {
    const { delivery, sent } = deliveryOf({ lookups: answering(() => []) });
    expect(await delivery.deliver(batch([del('own')], [{ lookup: 0, parameters: [1] }]))).toEqual({});
    expect(sent.map(({ keys }) => keys)).toEqual([['own']]);
  });

  it('sends nothing of a lookup that an abort interrupted, and does not call it done', async () => {
    const { delivery, abort, sent } = deliveryOf({
      lookups: answering(() => {
        abort.abort();
        return [[del('b')]];
      }),
    });
    expect(await delivery.deliver(batch([del('a')], [{ lookup: 0, parameters: [1] }]))).toBeUndefined();
    expect(sent).toEqual([]);
  });
});

describe('the limit of a rule', () => {
  const rateLimits = { rules: new Map([[rule, 2]]) };

  it('sends at once what it allows and what has no limit, and the rest as time goes by', async () => {
    const { delivery, sent, lines } = deliveryOf({ rateLimits });
    const delivered = await delivery.deliver(
      batch([...['a', 'b', 'c', 'd', 'e'].map((key) => del(key)), del('free', 'rules[1]')]),
    );
    expect(sent).toEqual([{ keys: ['a', 'b', 'free'], at: 0 }]);
    expect(delivery.held).toBe(3);
    expect(await delivered?.held).toBe(true);
    expect(sent.flatMap(({ keys }) => keys)).toEqual(['a', 'b', 'free', 'c', 'd', 'e']);
    expect(sent.at(-1)?.at).toBeGreaterThanOrEqual(1500);
    expect(delivery.held).toBe(0);
    expect(lines).toEqual(['more deletes than the limit allows: they are delayed']);
  });

  it('deletes a key that is wanted again while it waits once, for both batches', async () => {
    const { delivery, sent } = deliveryOf({ rateLimits });
    const first = await delivery.deliver(batch(['a', 'b', 'c'].map((key) => del(key))));
    const second = await delivery.deliver(batch([del('c')]));
    expect(sent.flatMap(({ keys }) => keys)).toEqual(['a', 'b']);
    expect(await Promise.all([first?.held, second?.held])).toEqual([true, true]);
    expect(sent.flatMap(({ keys }) => keys)).toEqual(['a', 'b', 'c']);
  });

  it('says once that it is over', async () => {
    const { delivery, lines } = deliveryOf({ rateLimits });
    const delivered = await delivery.deliver(batch(['a', 'b', 'c'].map((key) => del(key))));
    await delivered?.held;
    while (lines.length < 2) await new Promise((resolve) => setImmediate(resolve));
    expect(lines[1]).toBe('deletes are no longer delayed');
  });

  it('leaves what exceeds it to the repetition of a batch in doubt', async () => {
    const { delivery, sent } = deliveryOf({ rateLimits });
    expect(await delivery.deliverInDoubt(batch(['a', 'b', 'c'].map((key) => del(key))))).toBe(true);
    expect(sent.flatMap(({ keys }) => keys)).toEqual(['a', 'b']);
    expect(delivery.held).toBe(0);
  });

  it('gives up what is held when the daemon stops, without sending it', async () => {
    const { delivery, drain, sent } = deliveryOf({ rateLimits, sleep: () => new Promise(() => undefined) });
    const delivered = await delivery.deliver(batch(['a', 'b', 'c'].map((key) => del(key))));
    drain.abort();
    expect(await delivered?.held).toBe(false);
    expect(sent.flatMap(({ keys }) => keys)).toEqual(['a', 'b']);
  });

  it('lets nothing in while too much is held', async () => {
    const { delivery, drain, sent } = deliveryOf({
      rateLimits: { rules: new Map([[rule, 1]]) },
      sleep: () => new Promise(() => undefined),
      maxCommands: 1_000_000,
    });
    await delivery.deliver(batch(Array.from({ length: 100_001 }, (_, n) => del(`k${n}`))));
    expect(delivery.held).toBe(100_000);
    const blocked = delivery.deliver(batch([del('late', 'rules[1]')]));
    await new Promise((resolve) => setImmediate(resolve));
    expect(sent).toHaveLength(1);
    drain.abort();
    expect(await blocked).toBeUndefined();
  });
});

describe('the limit of all rules', () => {
  it('spreads the deletes of a batch over time', async () => {
    const { delivery, sent } = deliveryOf({ rateLimits: { global: 2, rules: new Map() } });
    expect(await delivery.deliver(batch(['a', 'b', 'c', 'd', 'e'].map((key) => del(key))))).toEqual({});
    expect(sent.map(({ keys, at }) => [keys.join(), at])).toEqual([
      ['a,b', 0],
      ['c,d', 1000],
      ['e', 1500],
    ]);
  });

  it('gives up what would have to wait when the daemon stops', async () => {
    const { delivery, drain, sent } = deliveryOf({ rateLimits: { global: 2, rules: new Map() } });
    drain.abort();
    expect(await delivery.deliver(batch(['a', 'b', 'c'].map((key) => del(key))))).toBeUndefined();
    expect(sent.flatMap(({ keys }) => keys)).toEqual(['a', 'b']);
  });
});
