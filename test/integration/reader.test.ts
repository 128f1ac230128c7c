import type { Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test, vi } from 'vitest';

import { compressed, jsonCodec, loaded, stringCodec } from '../../src/reader/index.ts';
import type { LoadContext, Reader, ReaderOptions } from '../../src/reader/index.ts';
import { appliedKey, formatApplied } from '../../src/protocol/applied.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { getOrLease, invalidate, SCRIPTS } from '../../src/protocol/scripts.ts';
import type { ScriptCall } from '../../src/protocol/script.ts';
import { rowVersion } from '../../src/change/version.ts';
import { eventually } from '../support/eventually.ts';
import { applicationClient, controlledLoad, freshKey, readerOn } from '../support/reader.ts';
import type { Told } from '../support/reader.ts';

interface Row {
  readonly id: number;
  readonly v?: number;
}

const UUID = '3e11fa47-71ca-11e1-9e33-c80aa9429562';

let client: Redis;
const readers: Reader[] = [];

beforeAll(() => {
  client = applicationClient(inject('servers').redis.port);
});

afterAll(() => client.disconnect());

afterEach(() => {
  for (const reader of readers.splice(0)) reader.close();
});

function open(options: Partial<ReaderOptions> = {}): { reader: Reader; told: Told } {
  const opened = readerOn(client, options);
  readers.push(opened.reader);
  return opened;
}

/** As another reader, or the daemon, calls a script. */
async function call<Reply>({ script, keys, args, read }: ScriptCall<Reply>): Promise<Reply> {
  return read(await client.eval(script.source, keys.length, ...keys, ...args));
}

/** As the daemon deletes a key whose readers read no replicas. */
async function daemonDeletes(key: string): Promise<void> {
  await client.unlink(key, companionKey(key));
}

const neverLoad = (): never => {
  throw new Error('loaded');
};

describe('a read', () => {
  test('loads a row once, and stores it as text that any client can GET, for at most its TTL', async () => {
    const key = freshKey();
    const { reader, told } = open();
    const load = vi.fn(() => ({ id: 1 }));

    expect(await reader.get(key, load, { ttl: '100s' })).toEqual({ id: 1 });
    expect(await reader.get(key, load)).toEqual({ id: 1 });

    expect(load).toHaveBeenCalledTimes(1);
    expect(await client.get(key)).toBe('{"id":1}');
    const ttl = await client.pttl(key);
    expect(ttl).toBeGreaterThan(80_000);
    expect(ttl).toBeLessThanOrEqual(100_000);
    expect(told.lines).toEqual(['miss', 'lease lease', 'load lease ok', 'fill stored', 'hit value']);
  });

  test('with an option that cannot be fails with its name, and asks neither Redis nor the database', async () => {
    const { reader, told } = open();
    const refusal = { code: 'UNSTALE_READER_OPTIONS', message: expect.stringContaining('ttl is from 1ms') };
    await expect(reader.get(freshKey(), neverLoad, { ttl: '1.5s' })).rejects.toMatchObject(refusal);
    await expect(reader.getMany([freshKey()], neverLoad, { ttl: 0 })).rejects.toMatchObject(refusal);
    expect(told.lines).toEqual([]);
  });

  test('of many callers in one process is one command and one load', async () => {
    const key = freshKey();
    const { reader, told } = open();
    const { load, contexts, called, finish } = controlledLoad<Row>();
    const reads = Array.from({ length: 100 }, () => reader.get(key, load));
    await called(1);
    reads.push(reader.get(key, load));
    finish({ id: 1 });

    expect(new Set(await Promise.all(reads)).size).toBe(1);
    expect(contexts).toHaveLength(1);
    expect(told.count('miss')).toBe(1);
  });

  test('of another process waits for the one that has the lease, and takes what it stored', async () => {
    const key = freshKey();
    const [first, second] = [open(), open()];
    const { load, called, finish } = controlledLoad<Row>();
    const reading = first.reader.get(key, load);
    await called(1);
    const waiting = second.reader.get(key, neverLoad);
    await eventually('the second waits', () => second.told.count('lease wait') > 1);
    finish({ id: 1 });

    expect(await reading).toEqual({ id: 1 });
    expect(await waiting).toEqual({ id: 1 });
    expect(second.told.lines).toContain('wait filled');
  });

  test('that waited for too long loads, and stores nothing', async () => {
    const key = freshKey();
    await call(getOrLease({ key, token: 'of somebody else', leaseMs: 60_000 }));
    const { reader, told } = open({ wait: '30ms' });
    const contexts: LoadContext[] = [];

    expect(
      await reader.get(key, (context) => {
        contexts.push(context);
        return { id: 1 };
      }),
    ).toEqual({ id: 1 });

    expect(contexts).toMatchObject([{ isLeased: false }]);
    expect(told.lines.slice(-2)).toEqual(['wait over', 'load wait ok']);
    expect(await client.exists(key)).toBe(0);
  });

  test('finds scripts gone, and sends them again', async () => {
    const key = freshKey();
    await client.script('FLUSH');
    const { reader } = open();
    expect(await reader.get(key, () => 'a')).toBe('a');
    expect(await client.get(key)).toBe('"a"');
    for (const { sha1 } of SCRIPTS.slice(0, 2)) expect(await client.script('EXISTS', sha1)).toEqual([1]);
  });

  test('leaves alone a key that holds something else, and a companion that does', async () => {
    const [list, key] = [freshKey('list'), freshKey()];
    await client.lpush(list, 'a');
    await client.set(companionKey(key), 'not ours');
    const { reader, told } = open();

    expect(await reader.get(list, () => 'row')).toBe('row');
    expect(await reader.get(key, () => 'row')).toBe('row');

    expect(told.count('load type ok')).toBe(2);
    expect(await client.lrange(list, 0, -1)).toEqual(['a']);
    expect(await client.exists(key)).toBe(0);
    expect(reader.breaker).toBe('closed');
  });

  test('that cannot decode a value loads the row, and leaves the value alone', async () => {
    const key = freshKey();
    await client.set(key, '{"half');
    const { reader, told } = open();
    expect(await reader.get(key, () => ({ id: 1 }))).toEqual({ id: 1 });
    expect(told.lines).toEqual(['miss', 'load undecodable ok']);
    expect(await client.get(key)).toBe('{"half');
  });

  test('returns a row that the codec cannot store, and gives the lease back', async () => {
    const key = freshKey();
    const { reader, told } = open();
    expect(await reader.get(key, () => 1n)).toBe(1n);
    expect(told.lines).toContain('fill unencodable');
    await eventually('the lease is gone', async () => (await client.hget(companionKey(key), 'l')) === null);
  });

  test('in a transaction uses no cache, and without a fill it takes a hit', async () => {
    const key = freshKey();
    const { reader, told } = open();
    expect(await reader.get(key, () => 'mine', { inTransaction: true })).toBe('mine');
    expect(await reader.get(key, () => 'row', { noFill: true })).toBe('row');
    expect(await client.exists(key, companionKey(key))).toBe(0);
    await client.set(key, '"cached"');
    expect(await reader.get(key, neverLoad, { noFill: true })).toBe('cached');
    expect(await reader.get(key, () => 'mine', { inTransaction: true })).toBe('mine');
    expect(told.lines).toEqual([
      'load transaction ok',
      'miss',
      'load no-fill ok',
      'hit value',
      'load transaction ok',
    ]);
  });

  test('of text and of large values stores what their codecs say', async () => {
    const [text, large] = [freshKey(), freshKey()];
    const { reader, told } = open();
    const rows = Array.from({ length: 500 }, (_, id) => ({ id }));
    const codec = compressed(jsonCodec<Row[]>());
    await reader.get(text, () => 'plain', { codec: stringCodec });
    await reader.get(large, () => rows, { codec });

    expect(await client.get(text)).toBe('plain');
    expect(await client.strlen(large)).toBeLessThan(JSON.stringify(rows).length / 3);
    expect(await reader.get(large, neverLoad, { codec })).toEqual(rows);
    expect(told.count('hit value')).toBe(1);
  });

  test('is not sent for a key that the filter does not know', async () => {
    const { reader, told } = open({ mayExist: (key) => key !== 'nobody' });
    expect(await reader.get('nobody', neverLoad)).toBeUndefined();
    expect(await reader.getMany(['nobody'], neverLoad)).toEqual(new Map());
    expect(told.lines).toEqual(['filtered', 'filtered']);
    const broken = open({
      mayExist: () => {
        throw new Error('not built yet');
      },
    });
    expect(await broken.reader.get(freshKey(), () => 'row')).toBe('row');
  });
});

describe('a load that fails', () => {
  test('gives its own error to all that share it, and the lease back, so that nobody waits for it', async () => {
    const key = freshKey();
    const [first, second] = [open({ lease: '10m' }), open()];
    const { load, called, fail } = controlledLoad<Row>();
    const reads = [first.reader.get(key, load), first.reader.get(key, load)];
    await called(1);
    const waiting = second.reader.get(key, () => ({ id: 2 }));
    const error = new Error('deadlock');
    fail(error);

    const settled = await Promise.allSettled(reads);
    expect(settled.map((one) => one.status === 'rejected' && one.reason === error)).toEqual([true, true]);
    expect(await waiting).toEqual({ id: 2 });
    expect(second.told.lines).toContain('fill stored');
    expect(first.told.lines).not.toContain('fill stored');
  });

  test('by taking too long is aborted, and is an error with a code', async () => {
    const { reader } = open({ loadTimeout: '20ms' });
    const { load, contexts } = controlledLoad<Row>();
    await expect(reader.get(freshKey(), load)).rejects.toMatchObject({ code: 'UNSTALE_READER_LOAD_TIMEOUT' });
    expect(contexts[0]?.signal.aborted).toBe(true);
  });

  test('is answered with the last known value where that is wanted', async () => {
    const key = freshKey();
    const { reader, told } = open({ stale: { onError: true } });
    await reader.get(key, () => 'old');
    await daemonDeletes(key);
    expect(await reader.get(key, neverLoad)).toBe('old');
    expect(told.lines).toContain('stale error');
  });
});

describe('the refill race', () => {
  test.each([
    ['the daemon deletes the key', daemonDeletes],
    [
      'the daemon invalidates it with a hold',
      (key: string) => call(invalidate([{ key }], { tombstoneMs: 60_000, holdMs: 60_000, gtid: '' })),
    ],
    ['another process invalidates it', (key: string) => open().reader.invalidate(key)],
    ['Redis loses everything about it', (key: string) => client.del(key, companionKey(key))],
  ])('is lost by a reader that read before %s', async (_, remove) => {
    const key = freshKey();
    const { reader, told } = open();
    const { load, called, finish } = controlledLoad<Row>();
    const reading = reader.get(key, load);
    await called(1);
    await remove(key);
    finish({ id: 1, v: 1 });

    expect(await reading).toEqual({ id: 1, v: 1 });
    expect(told.lines).toContain('fill voided');
    expect(await client.exists(key)).toBe(0);
    expect(await reader.get(key, () => ({ id: 1, v: 2 }))).toEqual({ id: 1, v: 2 });
    expect(await client.get(key)).toBe('{"id":1,"v":2}');
  });

  test('is not run by a caller that came after an invalidation by its own process', async () => {
    const key = freshKey();
    const { reader } = open();
    const { load, called, finish } = controlledLoad<Row>();
    const before = reader.get(key, load);
    await called(1);
    await reader.invalidate(key);
    const after = reader.get(key, () => ({ id: 1, v: 2 }));

    expect(await after).toEqual({ id: 1, v: 2 });
    finish({ id: 1, v: 1 });
    expect(await before).toEqual({ id: 1, v: 1 });
    expect(await client.get(key)).toBe('{"id":1,"v":2}');
  });
});

test('a caller that comes while its own process invalidates shares no read from before', async () => {
  const key = freshKey();
  const { reader } = open();
  const { load, called, finish } = controlledLoad<string>();
  const before = reader.get(key, load);
  await called(1);
  const invalidating = reader.invalidate(key);
  expect(await reader.get(key, () => 'new')).toBe('new');
  await invalidating;
  finish('old');
  expect(await before).toBe('old');
});

describe('an absent row', () => {
  test('is known for a short time, and reads as undefined', async () => {
    const key = freshKey();
    const { reader, told } = open();
    expect(await reader.get(key, () => null, { absentTtl: '40s' })).toBeUndefined();
    expect(await reader.get(key, neverLoad)).toBeUndefined();
    expect(told.lines).toContain('hit absent');
    expect(await client.get(key)).toBe('\0unstale:absent');
    expect(await client.pttl(key)).toBeLessThanOrEqual(40_000);
  });

  test.each([
    ['a replica says so', () => loaded(null, { source: 'replica' }), 5_000],
    ['it is not wanted', () => null, 0],
  ])('is not stored where %s, and the lease is given back', async (_, load, absentTtl) => {
    const key = freshKey();
    const { reader, told } = open({ absentTtl, lease: '10m' });
    expect(await reader.get(key, load)).toBeUndefined();
    expect(await reader.get(key, () => 'row')).toBe('row');
    expect(told.lines).toContain('fill absent');
    expect(await client.get(key)).toBe('"row"');
  });
});

describe('with replicas', () => {
  const version = (row: Row): number | undefined => row.v;
  const options = { source: 'as-told' as const };

  test('a row is read from the primary while nothing is known of its key, then from any', async () => {
    const key = freshKey();
    const { reader, told } = open(options);
    const from: LoadContext['readFrom'][] = [];
    const read = (v: number) =>
      reader.get(
        key,
        ({ readFrom }) => {
          from.push(readFrom);
          return { id: 1, v };
        },
        { version },
      );
    await read(5);
    await client.unlink(key);
    expect(await read(4)).toEqual({ id: 1, v: 4 });
    expect(await read(5)).toEqual({ id: 1, v: 5 });

    expect(from).toEqual(['primary', 'any', 'any']);
    expect(told.lines.filter((line) => line.startsWith('fill'))).toEqual([
      'fill stored',
      'fill outdated',
      'fill stored',
    ]);
    expect(await client.get(key)).toBe('{"id":1,"v":5}');
  });

  test('a row is read from the primary while a hold lasts, and a replica that has caught up may fill', async () => {
    const key = freshKey();
    const gtid = `${UUID}:7`;
    const hold = { tombstoneMs: 60_000, holdMs: 60_000, gtid };
    await call(invalidate([{ key, version: rowVersion(5) }], hold));
    const { reader, told } = open(options);
    const contexts: LoadContext[] = [];
    await reader.get(
      key,
      (context) => {
        contexts.push(context);
        return loaded({ id: 1, v: 5 }, { source: 'replica' });
      },
      { version },
    );
    expect(contexts).toMatchObject([{ readFrom: 'primary', gtid, isLeased: true }]);
    expect(told.lines.at(-1)).toBe('fill hold');

    await reader.get(key, () => loaded({ id: 1, v: 5 }, { source: 'caught-up' }), { version });
    expect(told.lines.at(-1)).toBe('fill stored');
  });

  test('a row without a version is stored only if the primary gave it', async () => {
    const key = freshKey();
    const { reader, told } = open({ source: 'replica' });
    await reader.get(key, () => 'row');
    await reader.get(key, () => loaded('row', { source: 'caught-up' }));
    expect(told.count('fill unknown')).toBe(2);
    await reader.get(key, () => loaded('row', { source: 'primary' }));
    expect(told.lines.at(-1)).toBe('fill stored');
  });
});

describe('many keys', () => {
  test('are one MGET and one load of those that are missing', async () => {
    const keys = Array.from({ length: 5 }, (_, id) => freshKey(`many-${id}`));
    const [a = '', b = '', c = '', d = '', e = ''] = keys;
    await client.mset(a, '"a"', b, '"b"');
    await client.lpush(e, 'list');
    const { reader, told } = open();
    const asked: (readonly string[])[] = [];
    const found = await reader.getMany([...keys, a], (missing, { isLeased }) => {
      asked.push([...missing, String(isLeased)].toSorted());
      return new Map(missing.filter((key) => key !== d).map((key) => [key, `row of ${key}`]));
    });

    expect(found).toEqual(
      new Map([
        [a, 'a'],
        [b, 'b'],
        [c, `row of ${c}`],
        [e, `row of ${e}`],
      ]),
    );
    expect(asked).toHaveLength(2);
    expect(asked).toContainEqual([c, d, 'true'].toSorted());
    expect(asked).toContainEqual([e, 'false'].toSorted());
    expect(await client.get(d)).toBe('\0unstale:absent');
    expect(await client.type(e)).toBe('list');
    expect(told.count('fill stored')).toBe(2);
  });

  test('share their loads with reads of single keys, both ways', async () => {
    const [a, b] = [freshKey('a'), freshKey('b')];
    const { reader } = open();
    const { load, called, finish } = controlledLoad<string>();
    const single = reader.get(a, load);
    await called(1);
    const loads: (readonly string[])[] = [];
    const gate = Promise.withResolvers<void>();
    const many = reader.getMany<string>([a, b], async (keys) => {
      loads.push(keys);
      await gate.promise;
      return new Map(keys.map((key) => [key, 'many']));
    });
    await eventually('b is loaded', () => loads.length === 1);
    const joined = reader.get(b, neverLoad);
    finish('single');
    gate.resolve();

    expect(await single).toBe('single');
    expect(await joined).toBe('many');
    expect(await many).toEqual(
      new Map([
        [a, 'single'],
        [b, 'many'],
      ]),
    );
    expect(loads).toEqual([[b]]);
  });

  test('wait for other processes, each for its own', async () => {
    const [a, b, c] = [freshKey('a'), freshKey('b'), freshKey('c')];
    const [first, second] = [open(), open()];
    const { load, called, finish } = controlledLoad<string>();
    const reading = first.reader.get(a, load);
    await called(1);
    await call(getOrLease({ key: c, token: 'released later', leaseMs: 60_000 }));
    const many = second.reader.getMany<string>([a, b, c], (keys) => new Map(keys.map((key) => [key, 'two'])));
    await eventually('the second waits', () => second.told.count('lease wait') > 3);
    finish('one');
    await reading;
    await daemonDeletes(c);

    expect(await many).toEqual(
      new Map([
        [a, 'one'],
        [b, 'two'],
        [c, 'two'],
      ]),
    );
    expect(await client.mget(a, b, c)).toEqual(['"one"', '"two"', '"two"']);
  });

  test('fail together with their load, and give all leases back', async () => {
    const keys = [freshKey(), freshKey()];
    const { reader, told } = open({ lease: '10m' });
    await expect(
      reader.getMany(keys, () => {
        throw new Error('no connection');
      }),
    ).rejects.toThrow('no connection');
    expect(await reader.getMany(keys, (missing) => new Map(missing.map((key) => [key, 1])))).toEqual(
      new Map(keys.map((key) => [key, 1])),
    );
    expect(told.count('fill stored')).toBe(2);
    expect(await reader.getMany(keys, neverLoad)).toEqual(new Map(keys.map((key) => [key, 1])));
  });

  test('need a loader that returns a map', async () => {
    const { reader } = open();
    // @ts-expect-error a list says nothing of which row belongs to which key
    await expect(reader.getMany([freshKey(), freshKey()], () => ['a', 'b'])).rejects.toThrow(TypeError);
  });

  test('in a transaction and without a fill store nothing', async () => {
    const keys = [freshKey(), freshKey()];
    const { reader } = open();
    const load = (missing: readonly string[]) => new Map(missing.map((key) => [key, 1]));
    const all = new Map(keys.map((key) => [key, 1]));
    expect(await reader.getMany(keys, load, { inTransaction: true })).toEqual(all);
    expect(await reader.getMany(keys, load, { noFill: true })).toEqual(all);
    expect(await client.exists(...keys, ...keys.map(companionKey))).toBe(0);
    expect(await reader.getMany([], neverLoad)).toEqual(new Map());
  });
});

describe('a stale value', () => {
  test('is served to who waited in vain, but not after this process invalidated the key', async () => {
    const key = freshKey();
    const { reader, told } = open({ stale: {}, wait: '30ms' });
    await reader.get(key, () => 'old');
    await client.unlink(key);
    await call(getOrLease({ key, token: 'of somebody else', leaseMs: 60_000 }));
    expect(await reader.get(key, neverLoad)).toBe('old');
    expect(await reader.getMany([key], neverLoad)).toEqual(new Map([[key, 'old']]));
    expect(told.count('stale wait')).toBe(2);

    await reader.invalidate(key);
    await call(getOrLease({ key, token: 'of somebody else', leaseMs: 60_000 }));
    expect(await reader.get(key, () => 'new')).toBe('new');
    expect(told.count('stale wait')).toBe(2);
  });

  test('is forgotten when it is too old or there are too many', async () => {
    const [first, second] = [freshKey(), freshKey()];
    const { reader } = open({ stale: { maxEntries: 1 }, wait: 0 });
    await reader.get(first, () => 'old');
    await reader.get(second, () => 'old');
    await client.unlink(first, second);
    for (const key of [first, second]) await call(getOrLease({ key, token: 'x', leaseMs: 60_000 }));
    expect(await reader.get(first, () => 'new')).toBe('new');
    expect(await reader.get(second, neverLoad)).toBe('old');
  });
});

describe('an early refresh', () => {
  test('loads in the background while the value is served, and is lost when the row changes', async () => {
    const key = freshKey();
    const { reader, told } = open({ earlyRefresh: { beta: 1e12 } });
    await reader.get(key, async () => {
      await new Promise((resolve) => setImmediate(resolve));
      return 'first';
    });
    const { load, called, finish } = controlledLoad<string>();
    expect(await reader.get(key, load)).toBe('first');
    await called(1);
    expect(await reader.get(key, neverLoad)).toBe('first');
    finish('second');
    await eventually('it is stored', async () => (await client.get(key)) === '"second"');

    await eventually('the next refresh runs', async () => {
      await reader.get(key, load);
      return told.count('lease lease') === 3;
    });
    await called(2);
    await daemonDeletes(key);
    finish('too late');
    await eventually('it is refused', () => told.lines.includes('fill voided'));
    expect(await client.exists(key)).toBe(0);
  });

  test('happens with many keys too', async () => {
    const key = freshKey();
    const { reader } = open({ earlyRefresh: { beta: 1e12 } });
    const loads: string[] = [];
    const load = (keys: readonly string[]): Map<string, string> => {
      loads.push(...keys);
      return new Map(keys.map((one) => [one, `load ${loads.length}`]));
    };
    await reader.getMany([key], load);
    expect(await reader.getMany([key], load)).toEqual(new Map([[key, 'load 1']]));
    await eventually('it is stored', async () => (await client.get(key)) === '"load 2"');
    expect(loads).toEqual([key, key]);
  });

  test('that fails is told, and the value stays', async () => {
    const key = freshKey();
    const { reader, told } = open({ earlyRefresh: { beta: 1e12 } });
    await reader.get(key, () => 'value');
    expect(await reader.get(key, neverLoad)).toBe('value');
    await eventually('it failed', () => told.count('refresh failed Error: loaded') === 1);
    expect(await client.get(key)).toBe('"value"');
  });
});

describe('a bypass', () => {
  test('reads the database until it is undone, while deletes go on', async () => {
    const key = freshKey('bypass');
    await client.set(key, '"cached"');
    const { reader, told } = open();
    const undo = reader.bypass('reader-test:bypass:');
    expect(reader.bypassed()).toEqual(['reader-test:bypass:']);
    expect(await reader.get(key, () => 'row')).toBe('row');
    expect(await reader.getMany([key], () => new Map([[key, 'row']]))).toEqual(new Map([[key, 'row']]));
    expect(told.count('load bypass ok')).toBe(2);
    undo();
    expect(await reader.get(key, neverLoad)).toBe('cached');
    reader.bypass('');
    expect(await reader.invalidate(key)).toBe(1);
  });
});

describe('an invalidation', () => {
  test('removes one key or many, and says how many there were', async () => {
    const keys = Array.from({ length: 1_201 }, (_, id) => freshKey(`${id}`));
    await client.mset(...keys.slice(1).flatMap((key) => [key, 'x']));
    const { reader } = open();
    expect(await reader.invalidate(keys[1] ?? '')).toBe(1);
    expect(await reader.invalidate(keys)).toBe(1_199);
    expect(await reader.invalidate([])).toBe(0);
  });

  test('leaves the version and a hold, so that a replica cannot bring the old row back', async () => {
    const key = freshKey();
    const { reader, told } = open({ hold: '1m' });
    await reader.invalidate({ key, version: 7 }, { gtid: `${UUID}:7` });
    await reader.get(key, () => loaded({ v: 6 }, { version: 6 }));
    expect(told.lines.at(-1)).toBe('fill outdated');
    await reader.get(key, () => loaded({ v: 7 }, { version: 7, source: 'replica' }));
    expect(told.lines.at(-1)).toBe('fill hold');
    await reader.invalidate({ key, version: 7, isDeleted: true });
    await reader.get(key, () => loaded({ v: 7 }, { version: 7 }));
    expect(told.lines.at(-1)).toBe('fill outdated');
  });
});

describe('waiting for a transaction', () => {
  const applied = (gtidSet: string): string =>
    formatApplied({ serverUuid: UUID, file: 'binlog.000001', offset: 4, gtidSet, at: Date.now() });

  test('ends when the daemon has applied it, for all that wait', async () => {
    const clientId = freshKey('daemon');
    const { reader } = open({ clientId });
    const waits = [5, 6, 7].map((number) => reader.waitFor(`${UUID}:${number}`, { timeout: '30s' }));
    await client.set(appliedKey(clientId), 'no position');
    await client.set(appliedKey(clientId), applied(`${UUID}:1-6`));
    expect(await Promise.all(waits.slice(0, 2))).toEqual([true, true]);
    await client.set(appliedKey(clientId), applied(`${UUID}:1-7`));
    expect(await waits[2]).toBe(true);
  });

  test('ends when the time is over', async () => {
    const { reader } = open({ clientId: freshKey('daemon') });
    expect(await reader.waitFor(`${UUID}:5`, { timeout: 20 })).toBe(false);
    expect(await reader.waitFor('0-1-5', { timeout: 0 })).toBe(false);
  });

  test('means that a later read does not share one that began before', async () => {
    const [key, clientId] = [freshKey(), freshKey('daemon')];
    const { reader } = open({ clientId, stale: {} });
    const { load, called, finish } = controlledLoad<string>();
    const before = reader.get(key, load);
    await called(1);
    await daemonDeletes(key);
    await client.set(appliedKey(clientId), applied(`${UUID}:1-7`));
    expect(await reader.waitFor(`${UUID}:7`)).toBe(true);
    expect(await reader.get(key, () => 'new')).toBe('new');
    finish('old');
    expect(await before).toBe('old');
    expect(await client.get(key)).toBe('"new"');
  });

  test('means that no stale value from before is served', async () => {
    const [key, clientId] = [freshKey(), freshKey('daemon')];
    const { reader } = open({ clientId, stale: {}, wait: '20ms' });
    await reader.get(key, () => 'old');
    await daemonDeletes(key);
    await call(getOrLease({ key, token: 'of somebody else', leaseMs: 60_000 }));
    await client.set(appliedKey(clientId), applied(`${UUID}:1-7`));
    expect(await reader.get(key, neverLoad)).toBe('old');
    expect(await reader.waitFor(`${UUID}:7`)).toBe(true);
    expect(await reader.get(key, () => 'new')).toBe('new');
  });

  test('needs a GTID and the name of the daemon', async () => {
    await expect(open({ clientId: 'x' }).reader.waitFor('binlog.1:4')).rejects.toMatchObject({
      code: 'UNSTALE_READER_GTID',
    });
    await expect(open().reader.waitFor('0-1-1')).rejects.toMatchObject({ code: 'UNSTALE_READER_OPTIONS' });
  });
});

test('a closed reader ends what waits and refuses what comes, and the client goes on', async () => {
  const key = freshKey();
  const { reader, told } = open({ clientId: freshKey('daemon'), wait: '10m' });
  const { load, called, contexts } = controlledLoad<string>();
  const reading = reader.get(key, load);
  const waiting = reader.waitFor('0-1-1', { timeout: '10m' });
  const taken = freshKey();
  await call(getOrLease({ key: taken, token: 'of somebody else', leaseMs: 600_000 }));
  const waitingForAnother = reader.get(taken, neverLoad);
  await called(1);
  await eventually('it waits', () => told.count('lease wait') > 0);
  reader.close();
  await Promise.all(
    [reading, waitingForAnother].map((ended) =>
      expect(ended).rejects.toMatchObject({ code: 'UNSTALE_READER_CLOSED' }),
    ),
  );
  expect(contexts[0]?.signal.aborted).toBe(true);
  expect(await waiting).toBe(false);
  for (const refused of [reader.get(key, load), reader.getMany([key], neverLoad), reader.invalidate(key)])
    await expect(refused).rejects.toMatchObject({ code: 'UNSTALE_READER_CLOSED' });
  expect(await client.ping()).toBe('PONG');
});
