import type { Redis } from 'ioredis';

import { shortPatience, until } from './redis-cluster.ts';
import { startRedisServer } from './redis-server.ts';
import type { RedisServer, RedisServerOptions } from './redis-server.ts';

/** A master that is silent for so long is held for failed, ms. */
const DOWN_AFTER = 1_500;
/** Before a failover is tried again, ms. */
const FAILOVER_TIMEOUT = 2_000;
const SENTINELS = 3;

/** A master with a replica, watched by three sentinels; local processes, for one test. */
export interface RedisSentinels {
  /** The name under which sentinels know the master. */
  readonly name: string;
  /** `host:port` of every sentinel. */
  readonly addresses: readonly string[];
  readonly sentinels: readonly RedisServer[];
  /** The two servers; the first one is the master at the beginning. */
  readonly servers: readonly [RedisServer, RedisServer];
  /** Whom the sentinels call the master; those of them that answer agree. */
  master(): Promise<RedisServer>;
  /** Lets the other server take over while both live; resolves when all sentinels name the new master. */
  failover(): Promise<RedisServer>;
  /** Kills the master; resolves with the new one when all sentinels name it. */
  killMaster(): Promise<RedisServer>;
  destroy(): Promise<void>;
}

export interface RedisSentinelsOptions extends RedisServerOptions {
  /** What sentinels and servers call the servers; default: their address. */
  readonly hostname?: string;
}

/** @throws Error when one does not start, or the sentinels have not found each other within half a minute. */
export async function startRedisSentinels({
  hostname,
  ...options
}: RedisSentinelsOptions = {}): Promise<RedisSentinels> {
  const name = 'cache';
  const host = hostname ?? '127.0.0.1';
  const started: RedisServer[] = [];
  const clients: Redis[] = [];
  const destroy = async (): Promise<void> => {
    for (const client of clients) client.disconnect();
    await Promise.all(started.map(async (server) => server.destroy()));
  };
  const start = async (more: RedisServerOptions): Promise<RedisServer> => {
    const server = await startRedisServer({ ...options, ...more });
    started.push(server);
    return server;
  };
  try {
    const args = [
      ['--repl-diskless-sync-delay', '0'],
      hostname === undefined ? [] : ['--replica-announce-ip', hostname],
      options.args ?? [],
    ].flat();
    const master = await start({ args });
    const replica = await start({ args: [...args, '--replicaof', host, String(master.port)] });
    const sentinels: RedisServer[] = [];
    // One after the other, so that the last one's first greeting reaches all.
    const config = [
      ...(hostname === undefined
        ? []
        : ['sentinel resolve-hostnames yes', 'sentinel announce-hostnames yes']),
      ...sentinelConfig(name, host, master.port),
    ];
    for (let index = 0; index < SENTINELS; index += 1)
      sentinels.push(await start({ args: ['--sentinel'], config }));
    clients.push(...sentinels.map(shortPatience));
    const asked = sentinels.map((sentinel, index) => ({ sentinel, client: clients[index]! }));
    for (const { sentinel, client } of asked)
      await until(`sentinel ${sentinel.port} knows the others and the replica`, () =>
        isComplete(client, name),
      );
    return {
      name,
      sentinels,
      destroy,
      ...assemble(name, [master, replica], clients),
      addresses: addressesOf(sentinels),
    };
  } catch (error) {
    await destroy();
    throw error;
  }
}

function sentinelConfig(name: string, host: string, port: number): string[] {
  return [
    `sentinel monitor ${name} ${host} ${port} ${Math.floor(SENTINELS / 2) + 1}`,
    `sentinel down-after-milliseconds ${name} ${DOWN_AFTER}`,
    `sentinel failover-timeout ${name} ${FAILOVER_TIMEOUT}`,
  ];
}

function addressesOf(servers: readonly RedisServer[]): string[] {
  return servers.map(({ host, port }) => `${host}:${port}`);
}

async function isComplete(sentinel: Redis, name: string): Promise<boolean> {
  const fields = await factsOf(sentinel, name);
  return fields.get('num-slaves') === '1' && fields.get('num-other-sentinels') === String(SENTINELS - 1);
}

async function factsOf(sentinel: Redis, name: string): Promise<ReadonlyMap<string, string>> {
  const reply = await sentinel.call('SENTINEL', 'MASTER', name);
  const flat = Array.isArray(reply) ? reply.map(String) : [];
  const facts = new Map<string, string>();
  for (let at = 0; at + 1 < flat.length; at += 2) facts.set(flat[at]!, flat[at + 1]!);
  return facts;
}

function assemble(
  name: string,
  servers: readonly [RedisServer, RedisServer],
  sentinels: readonly Redis[],
): Pick<RedisSentinels, 'servers' | 'master' | 'failover' | 'killMaster'> {
  const portSeenBy = async (sentinel: Redis): Promise<number> =>
    Number((await factsOf(sentinel, name)).get('port'));
  const master = async (): Promise<RedisServer> => {
    const port = await Promise.any(sentinels.map(portSeenBy));
    const found = servers.find((server) => server.port === port);
    if (found === undefined) throw new Error(`the sentinels name port ${port}, which is none of the servers`);
    return found;
  };
  const other = (server: RedisServer): RedisServer => (server === servers[0] ? servers[1] : servers[0]);
  const taken = async (by: RedisServer): Promise<RedisServer> => {
    for (const sentinel of sentinels)
      await until(`a sentinel names ${by.port}`, async () => (await portSeenBy(sentinel)) === by.port);
    return by;
  };
  return {
    servers,
    master,
    async failover() {
      const next = other(await master());
      const isTaken = async (): Promise<boolean> =>
        (await Promise.allSettled(sentinels.map(portSeenBy))).some(
          (port) => port.status === 'fulfilled' && port.value === next.port,
        );
      let askedAt = -Infinity;
      // On a busy machine the sentinels give a failover up, and do not begin another by themselves.
      await until(`a failover leads to ${next.port}`, async () => {
        if (await isTaken()) return true;
        if (performance.now() - askedAt < 3 * FAILOVER_TIMEOUT) return false;
        // INPROG and NOGOODSLAVE pass: the last failover is not over, or the replica has just come back.
        await sentinels[0]!.call('SENTINEL', 'FAILOVER', name);
        askedAt = performance.now();
        return false;
      });
      return taken(next);
    },
    async killMaster() {
      const old = await master();
      await old.kill();
      return taken(other(old));
    },
  };
}
