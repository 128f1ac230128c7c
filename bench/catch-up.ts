import { Redis } from 'ioredis';

import { createDatabase } from '../test/support/database.ts';
import { binlogEnd } from './binlog-end.ts';
import type { BinlogPlace } from './binlog-end.ts';
import { runCatchUp } from './catch-up-round.ts';
import type { Dataset } from './datasets.ts';
import { SIDES } from './follower.ts';
import type { FollowerTask, Side } from './follower.ts';
import { Measurements } from './measurements.ts';
import { startNaive } from './naive-follower.ts';
import type { BenchServers } from './servers.ts';
import { startUnstale } from './unstale-follower.ts';

/** Keys of other tables, which have to survive. */
const BYSTANDERS = 100;
const KEYS_PER_MSET = 1_000;

export interface CatchUpOptions {
  readonly dataset: Dataset;
  readonly servers: BenchServers;
  readonly pairs: number;
  readonly warmUp: boolean;
  readonly say: (line: string) => void;
}

/**
 * Both sides, in turn, work off the same part of the binlog from its beginning to its end.
 * @throws Error when a side leaves a key of a changed row, or removes another one.
 */
export async function measureCatchUp(options: CatchUpOptions): Promise<Measurements> {
  const { dataset, servers, say } = options;
  const db = await createDatabase(servers.mysql);
  const redis = new Redis(servers.redis.url);
  try {
    await dataset.prepare(db);
    await db.query('FLUSH BINARY LOGS');
    const from = await binlogEnd(db, servers.mysql.flavour);
    await dataset.change(db);
    const to = await binlogEnd(db, servers.mysql.flavour);
    say(`${dataset.name}: ${describe(dataset, from, to)}`);

    const task: FollowerTask = {
      schema: db.name,
      tables: [dataset.table],
      mysqlUrl: db.url,
      stateDatabase: db.stateDatabase,
      redisUrl: servers.redis.url,
      catchUp: { from, to, rows: dataset.rows },
    };
    const measurements = new Measurements(`catch-up ${dataset.name}`);
    for (let pair = options.warmUp ? 0 : 1; pair <= options.pairs; pair += 1) {
      for (const side of SIDES) {
        await fillCache(redis, dataset);
        const follower = await (side === 'unstale' ? startUnstale(task) : startNaive(task));
        const round = await runCatchUp(follower, dataset.rows);
        await requireRemoved(redis, dataset, side);
        if (pair > 0) {
          measurements.add('rows/s', side, round.rowsPerSecond);
          measurements.add('CPU µs/row', side, round.cpuMicrosPerRow);
          measurements.add('peak RSS MB', side, round.peakRssMb);
        }
        say(
          `  ${pair === 0 ? 'warm-up' : `pair ${pair}`} ${side}: ${Math.round(round.rowsPerSecond)} rows/s`,
        );
      }
    }
    return measurements;
  } finally {
    redis.disconnect();
    await db.drop();
  }
}

async function fillCache(redis: Redis, dataset: Dataset): Promise<void> {
  await redis.flushall();
  for (let first = 1; first <= dataset.rows; first += KEYS_PER_MSET) {
    const count = Math.min(KEYS_PER_MSET, dataset.rows - first + 1);
    await redis.mset(
      Array.from({ length: count }, (_, no) => [`${dataset.table}:${first + no}`, 'cached']).flat(),
    );
  }
  await redis.mset(Array.from({ length: BYSTANDERS }, (_, no) => [`bystander:${no}`, 'cached']).flat());
}

async function requireRemoved(redis: Redis, dataset: Dataset, side: Side): Promise<void> {
  const left = await redis.dbsize();
  const bystanders = await redis.exists(Array.from({ length: BYSTANDERS }, (_, no) => `bystander:${no}`));
  if (left === BYSTANDERS && bystanders === BYSTANDERS) return;
  throw new Error(
    `${side} on ${dataset.name}: ${left - bystanders} keys of changed rows are left, ` +
      `${BYSTANDERS - bystanders} keys were removed that nothing changed`,
  );
}

function describe(dataset: Dataset, from: BinlogPlace, to: BinlogPlace): string {
  const place = `${from.file}:${from.offset} to ${to.file}:${to.offset}`;
  return `${dataset.rows} row changes in ${dataset.transactions} transactions, ${place}`;
}
