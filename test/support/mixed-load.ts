import { setTimeout as delay } from 'node:timers/promises';
import type { Load } from './load.ts';
import type { Shop } from './shop.ts';

/** A load that knows which keys it made stale. */
export interface MixedLoad extends Load {
  /** Keys that are still cached although a change has made them stale: lost deletes. */
  lost(): Promise<string[]>;
  /** Keys of rolled-back changes, and one that nothing touches; all of them have to stay. */
  removedWrongly(): Promise<string[]>;
  /** How often each kind of change was made. */
  readonly counts: Readonly<Record<ChangeKind, number>>;
}

type ChangeKind = 'insert' | 'update' | 'delete' | 'xa' | 'xa-rollback' | 'ddl' | 'rotation';

const WRITERS = 2;
const CHECKED_AT_ONCE = 5_000;

/**
 * Changes users in every way, one row or a few at a time: inserts, changes of the cached email, deletes, XA
 * transactions that stay prepared for a while. Beside them it truncates and alters other tables and rotates the
 * binlog. A key is cached before the change that makes it stale is committed.
 */
export function startMixedLoad(shop: Shop): MixedLoad {
  const stale: string[] = [];
  const kept = ['user:by-email:bystander'];
  const counts = { insert: 0, update: 0, delete: 0, xa: 0, 'xa-rollback': 0, ddl: 0, rotation: 0 };
  const stopping = new AbortController();
  let next = 1;
  let committed = 0;
  let waiters: { readonly at: number; readonly resolve: () => void }[] = [];

  const done = (kind: ChangeKind, rows: number): void => {
    counts[kind] += 1;
    committed += rows;
    for (const waiter of waiters.filter(({ at }) => at <= committed)) waiter.resolve();
    waiters = waiters.filter(({ at }) => at > committed);
  };
  const willGo = async (...keys: string[]): Promise<void> => {
    await shop.cache(...keys);
    stale.push(...keys);
  };

  const writeRow = async (): Promise<void> => {
    const id = next++;
    const [first, second] = [`a${id}@x`, `b${id}@x`];
    await willGo(`user:${id}`, `user:by-email:${first}`);
    await shop.db.query('INSERT INTO users (id, email) VALUES (?, ?)', [id, first]);
    done('insert', 1);
    if (Math.random() < 0.5) return;
    await willGo(`user:by-email:${first}`, `user:by-email:${second}`);
    await shop.db.query('UPDATE users SET email = ? WHERE id = ?', [second, id]);
    done('update', 1);
    if (Math.random() < 0.5) return;
    await willGo(`user:${id}`, `user:by-email:${second}`);
    await shop.db.query('DELETE FROM users WHERE id = ?', [id]);
    done('delete', 1);
  };

  const writeXa = async (): Promise<void> => {
    const id = next++;
    const commits = Math.random() < 0.7;
    const connection = await shop.db.pool.getConnection();
    try {
      for (const sql of [
        `XA START 'load', '${id}'`,
        `INSERT INTO users (id, email) VALUES (${id}, 'x${id}@x')`,
        `XA END 'load', '${id}'`,
        `XA PREPARE 'load', '${id}'`,
      ])
        await connection.query(sql);
      const key = `user:by-email:x${id}@x`;
      if (commits) await willGo(key);
      else {
        await shop.cache(key);
        kept.push(key);
      }
      await delay(Math.random() * 400);
      await connection.query(`XA ${commits ? 'COMMIT' : 'ROLLBACK'} 'load', '${id}'`);
      done(commits ? 'xa' : 'xa-rollback', commits ? 1 : 0);
    } finally {
      connection.release();
    }
  };

  const writeDdl = async (): Promise<void> => {
    const id = next++;
    await willGo(`item:${id}:1`);
    await shop.db.query('INSERT INTO order_items (order_id, line_no) VALUES (?, 2)', [id]);
    await shop.db.query('TRUNCATE TABLE order_items');
    await shop.db.query(`ALTER TABLE unmapped ADD COLUMN c${id} INT, ALGORITHM = COPY`);
    await shop.db.query(`ALTER TABLE unmapped DROP COLUMN c${id}`);
    done('ddl', 1);
    await delay(Math.random() * 150);
    await shop.db.query('FLUSH BINARY LOGS');
    done('rotation', 0);
    await delay(Math.random() * 600);
  };

  const repeat = async (write: () => Promise<void>): Promise<void> => {
    while (!stopping.signal.aborted) await write();
  };
  const running = shop
    .cache(...kept)
    .then(() =>
      Promise.all([
        ...Array.from({ length: WRITERS }, () => repeat(writeRow)),
        repeat(writeXa),
        repeat(writeDdl),
      ]),
    );

  const cachedOf = async (keys: readonly string[]): Promise<string[]> => {
    const cached: string[] = [];
    for (let at = 0; at < keys.length; at += CHECKED_AT_ONCE)
      cached.push(...(await shop.cached(keys.slice(at, at + CHECKED_AT_ONCE))));
    return cached;
  };
  return {
    get committed() {
      return committed;
    },
    counts,
    more: (count) => new Promise((resolve) => waiters.push({ at: committed + count, resolve })),
    stop: async () => {
      stopping.abort();
      await running;
    },
    lost: () => cachedOf([...new Set(stale)]),
    removedWrongly: async () => {
      const left = new Set(await cachedOf(kept));
      return kept.filter((key) => !left.has(key));
    },
  };
}
