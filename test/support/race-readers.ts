import { setTimeout as sleep } from 'node:timers/promises';
import type { Redis } from 'ioredis';
import { createPool } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';
import { createReader, fromIoredis } from '../../src/reader/index.ts';
import { rootCredentials } from './database.ts';
import type { DatabaseServer } from './database.ts';
import { randomId } from './hot-rows.ts';
import type { HotRow } from './hot-rows.ts';
import type { KeyHistory } from './key-history.ts';

export const READERS = 8;
/** What a loader does with a row before it gives it, at random up to this, ms. */
const LOAD_MS = 50;
/** Longer than any run: nothing heals by itself. */
const TTL_MS = 600_000;

export interface RaceReaders {
  /** How often what happened: `reads`, `hits`, `loads`, and for the kit `fill stored`, `fill voided` … */
  readonly counts: ReadonlyMap<string, number>;
  /** Resolves when all that they sent to Redis is done. */
  stop(): Promise<void>;
}

export interface RaceReadersOptions {
  readonly server: DatabaseServer;
  readonly schema: string;
  readonly history: KeyHistory;
  /** A client of one reader, as the application has it. */
  readonly connect: () => Redis;
  /** Makes the names of one kind of keys of their rows; each reader reads all kinds at the same time. */
  readonly kinds: readonly ((id: number) => string)[];
  readonly by: 'kit' | 'cache-aside';
}

type ReadRow = (key: string, id: number) => Promise<unknown>;

interface Counting {
  readonly count: (what: string) => void;
  readonly history: KeyHistory;
}

/** Readers that read random rows without pause, and whose loads take a random time behind the SELECT. */
export function startRaceReaders(options: RaceReadersOptions): RaceReaders {
  const { server, schema, history, kinds } = options;
  const pool = createPool({ ...rootCredentials(server), database: schema, connectionLimit: READERS });
  const counts = new Map<string, number>();
  const count = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1);
  const stopping = new AbortController();

  const load = async (key: string, id: number): Promise<HotRow | undefined> => {
    count('loads');
    const [rows] = await pool.query<(RowDataPacket & HotRow)[]>(
      'SELECT id, n, row_version FROM hot WHERE id = ?',
      [id],
    );
    history.read(id, `${key}: loaded version ${rows[0]?.row_version ?? 'absent'}`);
    await sleep(Math.random() * LOAD_MS);
    return rows[0];
  };

  const readers = Array.from({ length: READERS }, () => {
    const client = options.connect();
    const open = options.by === 'kit' ? kitReader : cacheAsideReader;
    return { client, ...open(client, load, { count, history }) };
  });
  const run = async (read: ReadRow, kind: (id: number) => string): Promise<void> => {
    while (!stopping.signal.aborted) {
      const id = randomId();
      await read(kind(id), id);
      count('reads');
      // A run of hits must not starve the others of this process.
      await sleep(1);
    }
  };
  const running = Promise.all(readers.flatMap(({ read }) => kinds.map((kind) => run(read, kind))));

  return {
    counts,
    stop: async () => {
      if (stopping.signal.aborted) return;
      stopping.abort();
      await running;
      // A fill that the kit did not wait for any more is done when a later command is answered.
      for (const { client } of readers) await client.ping();
      for (const { client, close } of readers) {
        close();
        client.disconnect();
      }
      await pool.end();
    },
  };
}

type LoadRow = (key: string, id: number) => Promise<HotRow | undefined>;

function kitReader(client: Redis, load: LoadRow, { count, history }: Counting): OpenedReader {
  const idOf = (key: string): number => Number(key.slice(key.lastIndexOf(':') + 1));
  const reader = createReader({
    redis: fromIoredis(client),
    source: 'primary',
    ttl: TTL_MS,
    // A row that is wrongly held for absent is to be found at the end too.
    absentTtl: TTL_MS,
    observer: {
      hit: () => count('hits'),
      lease: (key, answer) => answer === 'lease' && history.read(idOf(key), `${key}: got the lease`),
      fill: (key, result) => {
        count(`fill ${result}`);
        history.read(idOf(key), `${key}: fill ${result}`);
      },
      redis: ({ outcome }) => outcome !== 'ok' && count(`redis ${outcome}`),
    },
  });
  return {
    // The lease alone has to do where the rule has no version.
    read: (key, id) =>
      reader.get(
        key,
        () => load(key, id),
        key.includes(':lease:') ? {} : { version: (row) => row.row_version },
      ),
    close: () => reader.close(),
  };
}

/** What most applications do: GET, else load and SET. */
function cacheAsideReader(client: Redis, load: LoadRow, { count, history }: Counting): OpenedReader {
  const read: ReadRow = async (key, id) => {
    const cached = await client.get(key);
    if (cached !== null) {
      count('hits');
      return;
    }
    const row = await load(key, id);
    await client.set(key, JSON.stringify(row ?? null), 'PX', TTL_MS);
    count('fill stored');
    history.read(id, `${key}: set`);
  };
  return { read, close: () => undefined };
}

interface OpenedReader {
  readonly read: ReadRow;
  readonly close: () => void;
}
