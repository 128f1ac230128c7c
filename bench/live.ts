import { fork } from 'node:child_process';
import { once } from 'node:events';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Redis } from 'ioredis';

import { createDatabase } from '../test/support/database.ts';
import type { TestDatabase } from '../test/support/database.ts';
import { eventually } from '../test/support/eventually.ts';
import { createNarrow } from './datasets.ts';
import { observeDeletes } from './delete-observer.ts';
import { SIDES } from './follower.ts';
import type { Follower, FollowerTask, Side } from './follower.ts';
import { latenciesOf } from './latencies.ts';
import type { Latencies } from './latencies.ts';
import type { WriterReport, WriterTask } from './live-writer.ts';
import { Measurements } from './measurements.ts';
import { startNaive } from './naive-follower.ts';
import { cpuSeconds, monotonicMs, peakRssBytes } from './process-usage.ts';
import type { BenchServers } from './servers.ts';
import { percentile } from './statistics.ts';
import { startUnstale } from './unstale-follower.ts';

export interface LiveOptions {
  readonly name: string;
  readonly servers: BenchServers;
  readonly pairs: number;
  /** Of one round. */
  readonly seconds: number;
  /** Updates per second. */
  readonly rate: number;
  /** Rows that are updated in turn; a delete that takes longer than a turn cannot be told from the next one. */
  readonly hotRows: number;
  /** Rows of one more UPDATE in the middle of the round; 0: none. */
  readonly bulkRows: number;
  /** Whether unstale waits until changes can be read. */
  readonly barrier?: boolean;
  readonly say: (line: string) => void;
}

const HOT = 'hot';
const BULK = 'bulk';
/** The writer's connections and both programs run in before the clock does. */
const RUN_IN_SECONDS = 1;

/**
 * Both sides, in turn, follow an application that writes at a steady rate.
 * @throws Error when a side leaves a key of a changed row.
 */
export async function measureLive(options: LiveOptions): Promise<Measurements> {
  const { servers, say } = options;
  const db = await createDatabase(servers.mysql);
  const redis = new Redis(servers.redis.url);
  try {
    await createNarrow(db, HOT, options.hotRows);
    await createNarrow(db, BULK, Math.max(1, options.bulkRows));
    say(`${options.name}: ${options.rate} transactions/s for ${options.seconds} s`);
    const measurements = new Measurements(options.name);
    for (let pair = 1; pair <= options.pairs; pair += 1) {
      for (const side of SIDES) {
        await redis.flushall();
        const round = await runRound(side, options, db, redis);
        const { ms } = round.latencies;
        measurements.add('p50 ms', side, percentile(ms, 50));
        measurements.add('p90 ms', side, percentile(ms, 90));
        measurements.add('p99 ms', side, percentile(ms, 99));
        measurements.add('max ms', side, percentile(ms, 100));
        measurements.add('CPU %', side, round.cpuPercent);
        measurements.add('peak RSS MB', side, round.peakRssMb);
        say(
          `  pair ${pair} ${side}: p50 ${percentile(ms, 50).toFixed(2)} ms, p99 ${percentile(ms, 99).toFixed(2)} ms, ` +
            `${Math.round(round.achievedRate)} transactions/s, ${round.latencies.early} deletes before the acknowledgement`,
        );
      }
    }
    return measurements;
  } finally {
    redis.disconnect();
    await db.drop();
  }
}

interface Round {
  readonly latencies: Latencies;
  readonly cpuPercent: number;
  readonly peakRssMb: number;
  readonly achievedRate: number;
}

async function runRound(side: Side, options: LiveOptions, db: TestDatabase, redis: Redis): Promise<Round> {
  const { servers, rate, seconds, hotRows } = options;
  const task: FollowerTask = {
    schema: db.name,
    tables: [HOT, BULK],
    mysqlUrl: db.url,
    stateDatabase: db.stateDatabase,
    redisUrl: servers.redis.url,
    ...(options.barrier === undefined ? {} : { barrier: options.barrier }),
  };
  const follower = await (side === 'unstale' ? startUnstale(task) : startNaive(task));
  const observer = await observeDeletes(servers.redis.url, HOT);
  try {
    await follower.ready();
    await requireFollowing(db, redis);
    const writerTask: WriterTask = {
      mysqlUrl: `${servers.mysql.rootUrl}/${db.name}`,
      redisUrl: servers.redis.url,
      table: HOT,
      rows: hotRows,
      perSecond: rate,
      seconds,
    };
    await runWriter({ ...writerTask, seconds: RUN_IN_SECONDS });
    const use = startUse(follower);
    const writing = runWriter(writerTask);
    if (options.bulkRows > 0) {
      await delay((seconds * 1000) / 2);
      await db.query(`UPDATE ${BULK} SET a = a + 1`);
    }
    const report = await writing;
    const used = use();
    await requireNoneLeft(redis, hotRows, side);
    const latencies = latenciesOf(report.updates, observer.seen, HOT);
    if (latencies.missing > 0) throw new Error(`${side}: no delete was seen of ${latencies.missing} updates`);
    return { ...used, latencies, achievedRate: report.updates.length / report.seconds };
  } finally {
    observer.close();
    await follower.stop();
  }
}

/** "Ready" of the naive loop is before the server has begun to send. */
async function requireFollowing(db: TestDatabase, redis: Redis): Promise<void> {
  await eventually('changes are followed', async () => {
    await redis.set(`${HOT}:1`, 'cached');
    await db.query(`UPDATE ${HOT} SET a = a + 1 WHERE id = 1`);
    await delay(20);
    return (await redis.exists(`${HOT}:1`)) === 0;
  });
}

async function requireNoneLeft(redis: Redis, hotRows: number, side: Side): Promise<void> {
  const keys = Array.from({ length: hotRows }, (_, no) => `${HOT}:${no + 1}`);
  await eventually(
    `${side} has removed the keys of all changed rows`,
    () => redis.exists(keys),
    (left) => left === 0,
  );
}

function startUse(follower: Follower): () => Pick<Round, 'cpuPercent' | 'peakRssMb'> {
  const cpuAtStart = cpuSeconds(follower.pid);
  const startedAt = monotonicMs();
  return () => ({
    cpuPercent: ((cpuSeconds(follower.pid) - cpuAtStart) / ((monotonicMs() - startedAt) / 1000)) * 100,
    peakRssMb: peakRssBytes(follower.pid) / 1e6,
  });
}

async function runWriter(task: WriterTask): Promise<WriterReport> {
  const program = fileURLToPath(new URL('live-writer.ts', import.meta.url));
  const child = fork(program, { serialization: 'advanced' });
  const exited = once(child, 'exit');
  const report = new Promise<WriterReport>((resolve, reject) => {
    child.once('message', (message: WriterReport) => resolve(message));
    child.once('error', reject);
    child.once('exit', (code) => reject(new Error(`the writer ended with exit code ${code}`)));
  });
  child.send(task);
  const result = await report;
  await exited;
  return result;
}
