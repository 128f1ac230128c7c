import type { RedisImplementation } from './installed.ts';
import { createRedisAdmin } from './redis-admin.ts';
import { startRedisServer } from './redis-server.ts';
import type { RedisServer } from './redis-server.ts';

/** A master with a replica and the sentinels that watch both, as local processes; there is none in containers. */
export interface RedisSentinels {
  /** How the sentinels call the master. */
  readonly name: string;
  /** The servers that began as master and as replica. */
  readonly servers: readonly [RedisServer, RedisServer];
  readonly sentinels: readonly RedisServer[];
  /** `host:port` of the sentinels. */
  readonly addresses: readonly string[];
  /** The master as the sentinels that run agree. */
  master(): Promise<RedisServer>;
  /** Resolves when all sentinels that run name this server, and it is a master. */
  promoted(server: RedisServer): Promise<void>;
  /** Resolves when this server has all data of the master. */
  replicating(server: RedisServer): Promise<void>;
  /** Has the sentinels exchange master and replica; resolves when all know. */
  failover(): Promise<void>;
  /** One command to a server or sentinel. */
  call(
    server: RedisServer,
    ...command: readonly [name: string, ...args: (string | number)[]]
  ): Promise<unknown>;
  destroy(): Promise<void>;
}

export interface RedisSentinelsOptions {
  readonly implementation?: RedisImplementation;
  /** Options of master and replica; they win over the defaults here. */
  readonly args?: readonly string[];
}

const NAME = 'shop';
const SENTINELS = 3;
/** After it a silent master counts as down, ms. */
const DOWN_AFTER = 500;

/** Starts all of them; about two seconds. @throws Error when one does not start. */
export async function startRedisSentinels(options: RedisSentinelsOptions = {}): Promise<RedisSentinels> {
  const { implementation = 'redis', args = [] } = options;
  const admin = createRedisAdmin();
  const started: RedisServer[] = [];
  const start = async (more: { args?: readonly string[]; config?: string }): Promise<RedisServer> => {
    const server = await startRedisServer({ implementation, ...more });
    started.push(server);
    return server;
  };
  const call: RedisSentinels['call'] = async ({ port }, ...command) => admin.call(port, ...command);
  const destroy = async (): Promise<void> => {
    admin.close();
    await Promise.all(started.map(async (server) => server.destroy()));
  };

  try {
    const quick = ['--repl-diskless-sync-delay', '0', ...args];
    const first = await start({ args: quick });
    const second = await start({ args: [...quick, '--replicaof', `${first.host} ${first.port}`] });
    const config = [
      `sentinel monitor ${NAME} ${first.host} ${first.port} 2`,
      `sentinel down-after-milliseconds ${NAME} ${DOWN_AFTER}`,
      `sentinel failover-timeout ${NAME} 3000`,
      '',
    ].join('\n');
    const replicating: RedisSentinels['replicating'] = async (server) =>
      admin.until(
        `${server.url} has the master's data`,
        () => call(server, 'INFO', 'replication'),
        (info) => info.includes('role:slave') && info.includes('master_link_status:up'),
      );
    await replicating(second);
    const sentinels = await Promise.all(
      Array.from({ length: SENTINELS }, async () => start({ config, args: ['--sentinel'] })),
    );
    for (const sentinel of sentinels) {
      await admin.until(
        `${sentinel.url} knows the others`,
        () => call(sentinel, 'INFO', 'sentinel'),
        (info) => info.includes(`status=ok`) && info.includes(`slaves=1,sentinels=${SENTINELS}`),
      );
    }

    const alive = (): RedisServer[] =>
      sentinels.filter((sentinel) => {
        try {
          return sentinel.pid() > 0;
        } catch {
          return false;
        }
      });
    const portsNamed = async (): Promise<number[]> =>
      Promise.all(
        alive().map(async (sentinel) => {
          const reply = await call(sentinel, 'SENTINEL', 'GET-MASTER-ADDR-BY-NAME', NAME);
          return Number(Array.isArray(reply) ? reply[1] : undefined);
        }),
      );
    const master = async (): Promise<RedisServer> => {
      const [port] = await portsNamed();
      return port === second.port ? second : first;
    };
    const promoted: RedisSentinels['promoted'] = async (server) => {
      await admin.until(
        `all sentinels name ${server.url}`,
        async () => (await portsNamed()).every((port) => port === server.port),
        (reply) => reply === 'true',
      );
      await admin.until(
        `${server.url} is a master`,
        () => call(server, 'INFO', 'replication'),
        (info) => info.includes('role:master'),
      );
    };
    return {
      name: NAME,
      servers: [first, second],
      sentinels,
      addresses: sentinels.map(({ host, port }) => `${host}:${port}`),
      master,
      promoted,
      replicating,
      async failover() {
        const before = await master();
        const after = before === first ? second : first;
        await replicating(after);
        const [sentinel] = alive();
        if (sentinel === undefined) throw new Error('no sentinel runs');
        // A sentinel that does not know the replica's state yet refuses.
        await admin.until(
          'a sentinel begins the failover',
          () => call(sentinel, 'SENTINEL', 'FAILOVER', NAME),
          (reply) => reply === 'OK',
        );
        await promoted(after);
      },
      call,
      destroy,
    };
  } catch (error) {
    await destroy();
    throw error;
  }
}
