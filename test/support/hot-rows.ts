import { setTimeout as sleep } from 'node:timers/promises';
import type { TestDatabase } from './database.ts';
import type { KeyHistory } from './key-history.ts';

export const HOT_ROWS = 200;
const WRITERS = 4;
/** Between two writes of one writer, at random up to this, ms: rows live long enough to be read. */
const PAUSE_MS = 10;
/** Rows that are left alone at a time. */
const LEFT_ALONE = 20;
/** Of a writer's writes: one that deletes a row, or inserts it again. */
const DELETE_SHARE = 0.1;

const STATEMENTS = {
  update: 'UPDATE hot SET n = n + 1 WHERE id = ?',
  delete: 'DELETE FROM hot WHERE id = ?',
  insert: 'INSERT INTO hot (id, n) VALUES (?, 0)',
} as const;

export interface HotRow {
  readonly id: number;
  readonly n: number;
  readonly row_version: number;
}

export interface Writers {
  readonly counts: { update: number; delete: number; insert: number };
  /** Resolves when `count` more writes are committed. */
  more(count: number): Promise<void>;
  /**
   * Some of the rows are not written any more from now on, so that no later write makes up for what went wrong with
   * their last one. Resolves with their ids when no write of them is under way.
   */
  leaveSomeAlone(): Promise<readonly number[]>;
  /** Resolves when the last write is committed. */
  stop(): Promise<void>;
}

/** The version column is kept as docs/guards.md tells it. */
const CLOCK = 'CAST(UNIX_TIMESTAMP(SYSDATE(6)) * 1000000 AS UNSIGNED)';

/** Creates the table `hot` and fills it; `fence` is for whoever waits for the daemon. */
export async function createHotRows(db: TestDatabase): Promise<void> {
  await db.query('CREATE TABLE fence (id INT PRIMARY KEY)');
  await db.query(
    'CREATE TABLE hot (id INT PRIMARY KEY, n INT NOT NULL, row_version BIGINT UNSIGNED NOT NULL DEFAULT 0)',
  );
  await db.query(
    `CREATE TRIGGER hot_version_insert BEFORE INSERT ON hot FOR EACH ROW SET NEW.row_version = ${CLOCK}`,
  );
  await db.query(
    `CREATE TRIGGER hot_version_update BEFORE UPDATE ON hot FOR EACH ROW
       SET NEW.row_version = GREATEST(OLD.row_version + 1, ${CLOCK})`,
  );
  const rows = Array.from({ length: HOT_ROWS }, (_, index) => `(${index + 1}, 0)`);
  await db.query(`INSERT INTO hot (id, n) VALUES ${rows.join(',')}`);
}

/**
 * Writes without end: updates of any row, deletes, and inserts of what was deleted. A row is deleted and inserted by
 * one writer only, one after the other: an insert that waits for another session's delete takes its version
 * before that session's last update may.
 */
export function startWriters(db: TestDatabase, history: KeyHistory): Writers {
  const counts = { update: 0, delete: 0, insert: 0 };
  const stopping = new AbortController();
  let waiters: { readonly at: number; readonly resolve: () => void }[] = [];
  const underWay = new Set<Promise<unknown>>();
  let writes = 0;
  /** Rows up to this one are written. */
  let lastId = HOT_ROWS;

  const commit = async (kind: keyof typeof counts, id: number): Promise<void> => {
    const statement = db.query(STATEMENTS[kind], [id]);
    underWay.add(statement);
    await statement.finally(() => underWay.delete(statement));
    history.wrote(id, kind);
    counts[kind] += 1;
    writes += 1;
    for (const waiter of waiters.filter(({ at }) => at <= writes)) waiter.resolve();
    waiters = waiters.filter(({ at }) => at > writes);
  };

  const write = async (_: unknown, writer: number): Promise<void> => {
    const deleted: number[] = [];
    while (!stopping.signal.aborted) {
      await sleep(Math.random() * PAUSE_MS);
      if (Math.random() >= DELETE_SHARE) {
        await commit('update', randomId(lastId));
        continue;
      }
      // A few rows stay away for a while, so that readers find out that they are absent.
      const back = deleted.length > 3 ? deleted.shift() : undefined;
      if (back !== undefined) {
        if (back <= lastId) await commit('insert', back);
        continue;
      }
      const own = randomId(lastId);
      if (own % WRITERS !== writer || deleted.includes(own)) continue;
      await commit('delete', own);
      deleted.push(own);
    }
  };

  const running = Promise.all(Array.from({ length: WRITERS }, write));
  const more = async (count: number): Promise<void> => {
    const reached = new Promise<void>((resolve) => waiters.push({ at: writes + count, resolve }));
    // A writer that fails is not waited for.
    await Promise.race([reached, running]);
  };
  return {
    counts,
    more,
    leaveSomeAlone: async () => {
      lastId -= LEFT_ALONE;
      history.all(`rows above ${lastId} are left alone`);
      const alone = Array.from({ length: LEFT_ALONE }, (_, index) => lastId + 1 + index);
      await Promise.all(underWay);
      return alone;
    },
    stop: async () => {
      stopping.abort();
      await running;
    },
  };
}

/** Of the rows up to `last`. */
export function randomId(last = HOT_ROWS): number {
  return 1 + Math.floor(Math.random() * last);
}

/** All rows by id. */
export async function hotRows(db: TestDatabase): Promise<ReadonlyMap<number, HotRow>> {
  const rows = await db.query('SELECT id, n, row_version FROM hot');
  return new Map(rows.map((row): [number, HotRow] => [Number(row['id']), row as unknown as HotRow]));
}
