import { Redis } from 'ioredis';

import { createDatabase } from '../../test/support/database.ts';
import { binlogEnd } from '../binlog-end.ts';
import { runCatchUp } from '../catch-up-round.ts';
import type { CatchUpRound } from '../catch-up-round.ts';
import type { FollowerTask } from '../follower.ts';
import { cpuSeconds } from '../process-usage.ts';
import type { BenchServers } from '../servers.ts';
import { startUnstale } from '../unstale-follower.ts';
import { CONTENDERS } from './contenders.ts';
import { fillProducts, requireProducts } from './product-cache.ts';
import { TABLE } from './product-changes.ts';
import type { ProductChanges } from './product-changes.ts';

export interface GuardRound extends CatchUpRound {
  readonly changes: string;
  readonly contender: string;
  /** Of the Redis server's process. */
  readonly redisMicrosPerRow: number;
}

export interface GuardMeasurement {
  readonly changes: ProductChanges;
  readonly servers: BenchServers;
  readonly rounds: number;
  /** Whether a round of each runs before those that count. */
  readonly warmUp: boolean;
  readonly say: (line: string) => void;
}

/**
 * All contenders, in turn, work off the same part of the binlog.
 * @throws Error when one leaves in Redis what it should not.
 */
export async function measureGuards(measurement: GuardMeasurement): Promise<GuardRound[]> {
  const { changes, servers, say } = measurement;
  const { rows } = changes;
  const db = await createDatabase(servers.mysql);
  const redis = new Redis(servers.redis.url);
  try {
    // Nobody listens here; scripts would pay for their events.
    await redis.config('SET', 'notify-keyspace-events', '');
    await changes.prepare(db);
    await db.query('FLUSH BINARY LOGS');
    const from = await binlogEnd(db, servers.mysql.flavour);
    await changes.change(db);
    const to = await binlogEnd(db, servers.mysql.flavour);
    say(`${changes.name}: ${rows} row changes in ${changes.transactions} transactions`);

    const task: FollowerTask = {
      schema: db.name,
      tables: [TABLE],
      mysqlUrl: db.url,
      stateDatabase: db.stateDatabase,
      redisUrl: servers.redis.url,
      catchUp: { from, to, rows },
    };
    const measured: GuardRound[] = [];
    for (let round = measurement.warmUp ? 0 : 1; round <= measurement.rounds; round += 1) {
      for (const contender of CONTENDERS) {
        await fillProducts(redis, rows, contender.before);
        const follower = await startUnstale({ ...task, rule: contender.rule });
        const redisAtStart = cpuSeconds(servers.redis.pid());
        const figures = await runCatchUp(follower, rows);
        const redisMicrosPerRow = ((cpuSeconds(servers.redis.pid()) - redisAtStart) * 1e6) / rows;
        await requireProducts(redis, rows, contender);
        if (round > 0)
          measured.push({ changes: changes.name, contender: contender.name, redisMicrosPerRow, ...figures });
        const when = round === 0 ? 'warm-up' : `round ${round}`;
        say(`  ${when} ${contender.name}: ${Math.round(figures.rowsPerSecond)} rows/s`);
      }
    }
    return measured;
  } finally {
    redis.disconnect();
    await db.drop();
  }
}
