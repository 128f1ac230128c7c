import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import { rowVersion } from '../../src/change/version.ts';
import { companionKey } from '../../src/protocol/companion-key.ts';
import { invalidate } from '../../src/protocol/scripts.ts';
import type { Reader, ReaderOptions, SourceOption } from '../../src/reader/index.ts';
import { ABSENT } from '../../src/reader/entry.ts';
import { applicationClient, freshKey, readerOn } from '../support/reader.ts';

/** A row whose versions are 1, 2, 3 …: what the primary has, and what a replica has that lags. */
interface VersionedRow {
  primary: number;
  replica: number;
}

const KEYS = 4;
/** Of each key in one run, at the end of which the cache is compared. */
const WRITES = 6;
const RUNS = 25;
const READERS = 3;

let client: Redis;

beforeAll(() => {
  client = applicationClient(inject('servers').redis.port);
});

afterAll(() => client.disconnect());

const upTo = (ms: number): Promise<void> => sleep(Math.random() * ms);

/** Reads a key, and what it does with Redis is up to it. */
type ReadKey = (key: string, row: VersionedRow) => Promise<unknown>;
/** What the daemon does when a change of the key to `version` can be read on the primary. */
type Deletes = (key: string, version: number) => Promise<unknown>;

/** Reads and writes at random, and gives the keys whose cached value is not that of the database in the end. */
async function staleKeysAfter(reads: readonly ReadKey[], deletes: Deletes): Promise<string[]> {
  const rows = new Map(
    Array.from({ length: KEYS }, (): [string, VersionedRow] => [freshKey(), { primary: 1, replica: 1 }]),
  );
  const state = { isWriting: true };
  const readers = reads.flatMap((read) =>
    [...rows].map(async ([key, row]) => {
      while (state.isWriting) {
        await read(key, row);
        await upTo(2);
      }
    }),
  );
  const writers = [...rows].map(async ([key, row]) => {
    for (let write = 0; write < WRITES; write += 1) {
      row.primary += 1;
      const version = row.primary;
      const replicated = upTo(10).then(() => (row.replica = Math.max(row.replica, version)));
      await upTo(1);
      await deletes(key, version);
      // Enough time for a reader that read before to come too late.
      await upTo(6);
      if (write % 3 === 0) await replicated;
    }
  });
  await Promise.all(writers);
  state.isWriting = false;
  await Promise.all(readers);
  const cached = await client.mget(...rows.keys());
  return [...rows]
    .filter(([, row], index) => cached[index] !== null && cached[index] !== textOf(row.primary))
    .map(([key]) => key);
}

/** A row that is not there at each third version. */
function isAbsent(version: number): boolean {
  return version % 3 === 0;
}

/** What may stand in the key when all is over, beside nothing. */
function textOf(version: number): string {
  return isAbsent(version) ? ABSENT : `{"v":${version}}`;
}

/** Takes what is there now, and comes back with it later. */
async function slowly(row: VersionedRow, from: 'primary' | 'replica'): Promise<{ v: number } | null> {
  const v = row[from];
  await upTo(5);
  return isAbsent(v) ? null : { v };
}

function kit(
  source: SourceOption,
  options: Partial<ReaderOptions> = {},
): { reads: ReadKey[]; readers: Reader[] } {
  const readers = Array.from({ length: READERS }, () => readerOn(client, { source, ...options }).reader);
  return {
    readers,
    reads: readers.map(
      (reader) => (key, row) =>
        reader.get<{ v: number }>(
          key,
          ({ readFrom }) =>
            slowly(row, source === 'primary' || readFrom === 'primary' ? 'primary' : 'replica'),
          source === 'primary' ? {} : { version: ({ v }) => v },
        ),
    ),
  };
}

const unlink: Deletes = (key) => client.unlink(key, companionKey(key));

const invalidateWith =
  (holdMs: number): Deletes =>
  (key, version) => {
    const token = isAbsent(version) ? rowVersion(version - 1, 'deleted') : rowVersion(version);
    const options = { tombstoneMs: 60_000, holdMs, gtid: '' };
    const { script, keys, args } = invalidate([{ key, version: token }], options);
    return client.eval(script.source, keys.length, ...keys, ...args);
  };

/** The keys that are stale after any of the runs; at the first of them, where one is enough. */
async function staleKeys(
  reads: readonly ReadKey[],
  deletes: Deletes,
  runs = RUNS,
): Promise<readonly string[]> {
  for (let run = 0; run < runs; run += 1) {
    const stale = await staleKeysAfter(reads, deletes);
    if (stale.length > 0) return stale;
  }
  return [];
}

/** So many that chance does not hide the race. */
const MANY_RUNS = 400;

describe('with readers and writers at random, what is cached in the end is what the database has', () => {
  test('where all read the primary through the kit, and the daemon deletes', async () => {
    const { reads, readers } = kit('primary');
    expect(await staleKeys(reads, unlink)).toEqual([]);
    for (const reader of readers) reader.close();
  });

  test.each([0, 20])(
    'where they read replicas too, rows have versions, and holds last %i ms',
    async (holdMs) => {
      const { reads, readers } = kit('as-told');
      expect(await staleKeys(reads, invalidateWith(holdMs))).toEqual([]);
      for (const reader of readers) reader.close();
    },
  );

  test('and where values are refreshed early all the time', async () => {
    const { reads, readers } = kit('primary', { earlyRefresh: { beta: 1e6, concurrent: 100 } });
    expect(await staleKeys(reads, unlink)).toEqual([]);
    for (const reader of readers) reader.close();
  });

  test('and where the process that writes invalidates too', async () => {
    const { reads, readers } = kit('primary');
    const [writer] = readers;
    const both: Deletes = async (key, version) => {
      await writer?.invalidate(key);
      await unlink(key, version);
    };
    expect(await staleKeys(reads, both)).toEqual([]);
    for (const reader of readers) reader.close();
  });
});

describe('the same race leaves stale values', () => {
  test('with readers that do GET and SET', async () => {
    const plain: ReadKey = async (key, row) => {
      if ((await client.get(key)) === null)
        await client.set(key, JSON.stringify(await slowly(row, 'primary')));
    };
    expect(await staleKeys([plain, plain, plain], unlink, MANY_RUNS)).not.toEqual([]);
  });

  test('with a daemon that deletes the keys and not their companions', async () => {
    const { reads, readers } = kit('primary');
    expect(await staleKeys(reads, (key) => client.unlink(key), MANY_RUNS)).not.toEqual([]);
    for (const reader of readers) reader.close();
  });

  test('with a loader that reads a replica and says that it was the primary', async () => {
    const { reader } = readerOn(client);
    const lying: ReadKey = (key, row) => reader.get(key, () => slowly(row, 'replica'));
    expect(await staleKeys([lying], unlink, MANY_RUNS)).not.toEqual([]);
    reader.close();
  });
});
