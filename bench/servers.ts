import { startMysqlServer } from '../scripts/servers/mysql-server.ts';
import type { MysqlServer } from '../scripts/servers/mysql-server.ts';
import type { MysqlFlavour } from '../scripts/servers/installed.ts';
import { startRedisServer } from '../scripts/servers/redis-server.ts';
import type { RedisServer } from '../scripts/servers/redis-server.ts';

export interface BenchServers {
  readonly mysql: MysqlServer;
  readonly redis: RedisServer;
  destroy(): Promise<void>;
}

/** A MySQL or MariaDB that waits for no disk, so that data is made quickly and writing it sets no limit. */
export function startBenchMysql(flavour: MysqlFlavour, args: readonly string[] = []): Promise<MysqlServer> {
  const redo = flavour === 'mysql' ? '--innodb-redo-log-capacity=1G' : '--innodb-log-file-size=1G';
  return startMysqlServer({
    flavour,
    args: ['--innodb-flush-log-at-trx-commit=0', '--innodb-buffer-pool-size=1G', redo, ...args],
  });
}

/** The same and a Redis. */
export async function startServers(flavour: MysqlFlavour): Promise<BenchServers> {
  const mysql = await startBenchMysql(flavour);
  try {
    const redis = await startRedisServer({ args: ['--notify-keyspace-events', 'Kg'] });
    return {
      mysql,
      redis,
      destroy: async () => {
        await Promise.all([mysql.destroy(), redis.destroy()]);
      },
    };
  } catch (error) {
    await mysql.destroy();
    throw error;
  }
}
