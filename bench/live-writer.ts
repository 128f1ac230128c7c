// The application of the live benchmark, a process of its own: caches a row's key, updates the row, notes when
// the server has acknowledged the commit. Takes one WriterTask as a message, answers with one WriterReport.
import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';
import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';

import { monotonicMs } from './process-usage.ts';

export interface WriterTask {
  /** An account that may write, with the schema. */
  readonly mysqlUrl: string;
  readonly redisUrl: string;
  readonly table: string;
  /** The rows 1 to `rows` are updated in turn. */
  readonly rows: number;
  readonly perSecond: number;
  readonly seconds: number;
}

/** One update; times are those of `monotonicMs`. */
export interface LiveUpdate {
  readonly id: number;
  /** Just before the key was set: a delete after this is one of this update. */
  readonly setAt: number;
  /** The client received the acknowledgement of its commit. */
  readonly acknowledgedAt: number;
}

export interface WriterReport {
  readonly updates: readonly LiveUpdate[];
  readonly seconds: number;
}

const CONNECTIONS = 8;

process.once('message', (task: WriterTask) => void answer(task));

async function answer(task: WriterTask): Promise<void> {
  const report = await write(task);
  process.send?.(report, () => process.disconnect());
}

/** Starts an update each 1/perSecond; when all connections are busy, it is made up for as soon as one is free. */
async function write(task: WriterTask): Promise<WriterReport> {
  const redis = new Redis(task.redisUrl);
  const connections = await Promise.all(
    Array.from({ length: CONNECTIONS }, () => createConnection(task.mysqlUrl)),
  );
  const updates: LiveUpdate[] = [];
  const total = task.perSecond * task.seconds;
  const startedAt = monotonicMs();
  let next = 0;

  const update = async (connection: Connection, id: number): Promise<void> => {
    const setAt = monotonicMs();
    await redis.set(`${task.table}:${id}`, 'cached');
    await connection.execute(`UPDATE ${task.table} SET a = a + 1 WHERE id = ?`, [id]);
    updates.push({ id, setAt, acknowledgedAt: monotonicMs() });
  };
  const work = async (connection: Connection): Promise<void> => {
    while (next < total) {
      const no = next;
      next += 1;
      const wait = startedAt + (no * 1000) / task.perSecond - monotonicMs();
      if (wait > 0) await delay(wait);
      await update(connection, 1 + (no % task.rows));
    }
  };
  await Promise.all(connections.map(work));
  const seconds = (monotonicMs() - startedAt) / 1000;
  redis.disconnect();
  await Promise.all(connections.map((connection) => connection.end()));
  return { updates, seconds };
}
