import { setTimeout as delay } from 'node:timers/promises';

import { Redis } from 'ioredis';

import { freePort } from './free-port.ts';
import { startRedisServer } from './redis-server.ts';
import type { RedisServer, RedisServerOptions } from './redis-server.ts';

const SLOTS = 16_384;
/** A node that is silent for so long is held for failed, ms. */
const NODE_TIMEOUT = 1_000;
const READY_TIMEOUT = 30_000;

export interface RedisClusterOptions extends RedisServerOptions {
  /** Default 3. */
  readonly masters?: number;
  /** One for each master; default none. */
  readonly replicas?: boolean;
  /** Masters that begin without slots; default 0. */
  readonly spares?: number;
}

/** A slot on its way, held between its first and its last step. */
export interface SlotMigration {
  readonly source: RedisServer;
  readonly target: RedisServer;
  /** Moves single keys, so that the slot is split. */
  move(...keys: string[]): Promise<void>;
  /** Moves what is left and gives the slot to the target; all masters are told. */
  end(): Promise<void>;
}

/** A Redis Cluster of local processes, for one test. */
export interface RedisCluster {
  /** Those of the beginning, which a failover does not change. They can be killed, started and frozen. */
  readonly masters: readonly RedisServer[];
  /** One for each of `masters`, in their order. */
  readonly replicas: readonly RedisServer[];
  readonly spares: readonly RedisServer[];
  /** `host:port` of every master of the beginning. */
  readonly addresses: readonly string[];
  /** One command on one node; follows nothing. */
  readonly call: (node: RedisServer, name: string, ...args: (string | number)[]) => Promise<unknown>;
  slotOf(key: string): Promise<number>;
  /** The running master that owns a slot now, as it says itself. */
  ownerOf(slot: number): Promise<RedisServer>;
  beginMigration(slot: number, target: RedisServer): Promise<SlotMigration>;
  /** All steps of a migration at once. */
  migrate(slot: number, target: RedisServer): Promise<void>;
  /** Makes a replica the master, in agreement with the old one; resolves when all nodes that run know. */
  failover(replica: RedisServer): Promise<void>;
  /** Until all nodes that run agree that every slot is served. */
  waitUntilOk(): Promise<void>;
  destroy(): Promise<void>;
}

/**
 * Starts masters that share the slots evenly, without persistence.
 * @throws Error when a node does not start, or the cluster is not complete within half a minute.
 */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const count = options.masters ?? 3;
  const spares = options.spares ?? 0;
  const total = (options.replicas === true ? 2 * count : count) + spares;
  const clients = new Map<RedisServer, Redis>();
  const nodes: RedisServer[] = [];
  const destroy = async (): Promise<void> => {
    for (const client of clients.values()) client.disconnect();
    await Promise.all(nodes.map(async (node) => node.destroy()));
  };
  const call = async (node: RedisServer, name: string, ...args: (string | number)[]): Promise<unknown> => {
    const client = clients.get(node) ?? shortPatience(node);
    clients.set(node, client);
    return client.call(name, ...args);
  };
  try {
    const started = await Promise.allSettled(Array.from({ length: total }, async () => startNode(options)));
    for (const one of started) if (one.status === 'fulfilled') nodes.push(one.value);
    for (const one of started) if (one.status === 'rejected') throw one.reason;
    const cluster = assemble(
      {
        masters: nodes.slice(0, count),
        replicas: nodes.slice(count, total - spares),
        spares: nodes.slice(total - spares),
      },
      call,
      destroy,
    );
    await join(cluster);
    return cluster;
  } catch (error) {
    await destroy();
    throw error;
  }
}

async function startNode({ args = [], ...options }: RedisServerOptions): Promise<RedisServer> {
  const settings = [
    ['--cluster-enabled', 'yes'],
    // The default is the port and 10,000, which nobody has reserved.
    ['--cluster-port', String(await freePort())],
    ['--cluster-node-timeout', String(NODE_TIMEOUT)],
    // A replica stands for election however long its master has been away.
    ['--cluster-replica-validity-factor', '0'],
    ['--repl-diskless-sync-delay', '0'],
  ].flat();
  return startRedisServer({ ...options, args: [...settings, ...args] });
}

type Call = RedisCluster['call'];

function assemble(
  nodes: Pick<RedisCluster, 'masters' | 'replicas' | 'spares'>,
  call: Call,
  destroy: () => Promise<void>,
): RedisCluster {
  const { masters, replicas, spares } = nodes;
  const all = [...masters, ...replicas, ...spares];
  const idOf = async (node: RedisServer): Promise<string> => String(await call(node, 'CLUSTER', 'MYID'));
  const running = (): RedisServer[] => all.filter(isRunning);

  const ownerOf = async (slot: number): Promise<RedisServer> => {
    for (const node of running()) {
      const mine = (await myLine(call, node).catch(() => '')).split(' ');
      if ((mine[2] ?? '').includes('master') && mine.slice(8).some((range) => holds(range, slot)))
        return node;
    }
    throw new Error(`no running master owns slot ${slot}`);
  };

  const beginMigration = async (slot: number, target: RedisServer): Promise<SlotMigration> => {
    const source = await ownerOf(slot);
    const [sourceId, targetId] = [await idOf(source), await idOf(target)];
    await call(target, 'CLUSTER', 'SETSLOT', slot, 'IMPORTING', sourceId);
    await call(source, 'CLUSTER', 'SETSLOT', slot, 'MIGRATING', targetId);
    const move = async (...keys: string[]): Promise<void> => {
      if (keys.length === 0) return;
      await call(source, 'MIGRATE', target.host, target.port, '', 0, 5_000, 'KEYS', ...keys);
    };
    const keysLeft = async (): Promise<string[]> => {
      const keys = await call(source, 'CLUSTER', 'GETKEYSINSLOT', slot, 100);
      return Array.isArray(keys) ? keys.map(String) : [];
    };
    const end = async (): Promise<void> => {
      for (let keys = await keysLeft(); keys.length > 0; keys = await keysLeft()) await move(...keys);
      // The target first: from there on nobody else may serve it.
      await call(target, 'CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
      await call(source, 'CLUSTER', 'SETSLOT', slot, 'NODE', targetId);
      for (const node of running()) {
        if (node === target || node === source) continue;
        // A replica refuses; it hears of it from its master.
        await call(node, 'CLUSTER', 'SETSLOT', slot, 'NODE', targetId).catch(() => undefined);
      }
      // A slot that moves back at once could else be claimed by both, each with an epoch that the other does not know.
      const epoch = epochOf(await call(target, 'CLUSTER', 'NODES'), targetId);
      await until(
        `${source.port} knows of the move`,
        async () => epoch === epochOf(await call(source, 'CLUSTER', 'NODES'), targetId),
      );
    };
    return { source, target, move, end };
  };

  return {
    ...nodes,
    addresses: masters.map(({ host, port }) => `${host}:${port}`),
    call,
    ownerOf,
    beginMigration,
    destroy,
    async slotOf(key) {
      return Number(await call(running()[0] ?? masters[0]!, 'CLUSTER', 'KEYSLOT', key));
    },
    async migrate(slot, target) {
      const migration = await beginMigration(slot, target);
      await migration.end();
    },
    async failover(replica) {
      await until(`${replica.port} follows its master`, async () =>
        String(await call(replica, 'INFO', 'replication')).includes('master_link_status:up'),
      );
      const id = await idOf(replica);
      let askedAt = Number.NEGATIVE_INFINITY;
      for (const node of running())
        await until(`${node.port} knows ${replica.port} as a master`, async () => {
          const lines = String(await call(node, 'CLUSTER', 'NODES')).split('\n');
          const isMaster = lines.some(
            (line) => line.startsWith(id) && /^(?:myself,)?master$/.test(line.split(' ')[2] ?? ''),
          );
          // The others vote once within twice the node timeout; what they refuse has to be asked for again.
          if (!isMaster && performance.now() - askedAt > NODE_TIMEOUT) {
            askedAt = performance.now();
            await call(replica, 'CLUSTER', 'FAILOVER').catch(() => undefined);
          }
          return isMaster;
        });
    },
    async waitUntilOk() {
      for (const node of running())
        await until(`${node.port} says that the cluster is ok`, async () =>
          String(await call(node, 'CLUSTER', 'INFO')).includes('cluster_state:ok'),
        );
    },
  };
}

/** Lets the nodes meet, and waits until each knows all. */
async function join(cluster: RedisCluster): Promise<void> {
  const { masters, replicas, spares, call } = cluster;
  const all = [...masters, ...replicas, ...spares];
  const first = masters[0]!;
  for (const [index, master] of masters.entries()) {
    // Different epochs from the beginning spare the nodes a round in which they settle them.
    await call(master, 'CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
    const [from, to] = [index, index + 1].map((at) => Math.floor((at * SLOTS) / masters.length));
    await call(master, 'CLUSTER', 'ADDSLOTSRANGE', from ?? 0, (to ?? SLOTS) - 1);
  }
  for (const node of all) {
    if (node === first) continue;
    const bus = Number((await setting(call, node, 'cluster-port')) ?? 0);
    await call(first, 'CLUSTER', 'MEET', node.host, node.port, bus);
  }
  for (const node of all)
    await until(`${node.port} knows all nodes`, async () =>
      String(await call(node, 'CLUSTER', 'INFO')).includes(`cluster_known_nodes:${all.length}\r`),
    );
  for (const [index, replica] of replicas.entries())
    await call(replica, 'CLUSTER', 'REPLICATE', String(await call(masters[index]!, 'CLUSTER', 'MYID')));
  for (const replica of replicas)
    await until(`${replica.port} follows its master`, async () =>
      String(await call(replica, 'INFO', 'replication')).includes('master_link_status:up'),
    );
  await cluster.waitUntilOk();
}

/** What the node says of itself in CLUSTER NODES. */
async function myLine(call: Call, node: RedisServer): Promise<string> {
  const lines = String(await call(node, 'CLUSTER', 'NODES')).split('\n');
  return lines.find((line) => line.includes('myself')) ?? '';
}

/** The configuration epoch of a node, as the reply of CLUSTER NODES says. */
function epochOf(nodes: unknown, id: string): string | undefined {
  return String(nodes)
    .split('\n')
    .find((line) => line.startsWith(id))
    ?.split(' ')[6];
}

function holds(range: string, slot: number): boolean {
  // Slots on their way are in brackets, and counted already.
  if (range.startsWith('[')) return false;
  const [from, to] = range.split('-').map(Number);
  return from !== undefined && slot >= from && slot <= (to ?? from);
}

async function setting(call: Call, node: RedisServer, name: string): Promise<string | undefined> {
  const reply = await call(node, 'CONFIG', 'GET', name);
  return Array.isArray(reply) ? String(reply[1]) : undefined;
}

function isRunning(node: RedisServer): boolean {
  try {
    node.pid();
    return true;
  } catch {
    return false;
  }
}

/** A client of the tests' own, which fails soon where a node is down or frozen. */
export function shortPatience({ url }: Pick<RedisServer, 'url'>): Redis {
  const client = new Redis(url, {
    ...(url.startsWith('rediss:') ? { tls: { rejectUnauthorized: false } } : {}),
    commandTimeout: 6_000,
    maxRetriesPerRequest: 2,
    retryStrategy: () => 50,
  });
  client.on('error', () => undefined);
  return client;
}

/** Asks every 20 ms. @throws Error after half a minute. */
export async function until(what: string, holds: () => Promise<boolean>): Promise<void> {
  const deadline = performance.now() + READY_TIMEOUT;
  for (;;) {
    if (await holds().catch(() => false)) return;
    if (performance.now() > deadline) throw new Error(`not within ${READY_TIMEOUT} ms: ${what}`);
    await delay(20);
  }
}
