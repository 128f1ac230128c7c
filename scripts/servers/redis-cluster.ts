import { freePort } from './free-port.ts';
import type { RedisImplementation } from './installed.ts';
import { createRedisAdmin } from './redis-admin.ts';
import { startRedisServer } from './redis-server.ts';
import type { RedisServer } from './redis-server.ts';

export interface ClusterNode extends RedisServer {
  /** Of the node in the cluster; stays over restarts. */
  readonly id: string;
  /** `host:port`. */
  readonly address: string;
  /** Where the nodes talk to each other. */
  readonly busPort: number;
  /** One command to this node. */
  call(...command: readonly [name: string, ...args: (string | number)[]]): Promise<unknown>;
}

/** A Redis Cluster of local processes, for one test or program; there is none in containers. */
export interface RedisCluster {
  /** The nodes that began as masters, with a third of the slots each; a failover changes the roles, not the lists. */
  readonly masters: readonly ClusterNode[];
  /** Of each master one, in the same order, or none. */
  readonly replicas: readonly ClusterNode[];
  /** `host:port` of all nodes. */
  readonly addresses: readonly string[];
  /** The node that serves the slot, as all nodes that answer agree. */
  ownerOf(slot: number): Promise<ClusterNode>;
  /** Opens the slot for a move, whose steps follow: keys that are not on `from` are asked for on `to`. */
  beginMigration(slot: number, from: ClusterNode, to: ClusterNode): Promise<void>;
  /** Moves these keys of the slot, by default all. */
  migrateKeys(slot: number, from: ClusterNode, to: ClusterNode, keys?: readonly string[]): Promise<void>;
  /** Gives the slot to `to`. */
  endMigration(slot: number, from: ClusterNode, to: ClusterNode): Promise<void>;
  /** All three steps. */
  moveSlot(slot: number, from: ClusterNode, to: ClusterNode): Promise<void>;
  /** Makes a replica the master in agreement with the old one; resolves when all nodes know. */
  failover(replica: ClusterNode): Promise<void>;
  /** Resolves when all nodes that run agree that this node is a master, and that every slot is served. */
  promoted(node: ClusterNode): Promise<void>;
  /** Starts an empty node and adds it, a master without slots. */
  addNode(): Promise<ClusterNode>;
  destroy(): Promise<void>;
}

export interface RedisClusterOptions {
  readonly implementation?: RedisImplementation;
  /** Whether each master has a replica. */
  readonly replicas?: boolean;
  /** Options of each node; they win over the defaults here. */
  readonly args?: readonly string[];
}

const SLOTS = 16_384;
const MASTERS = 3;
/** After it a silent node counts as down, ms. */
const NODE_TIMEOUT = 1_000;

/** Starts three masters, with or without replicas; about two seconds. @throws Error when a node does not start. */
export async function startRedisCluster(options: RedisClusterOptions = {}): Promise<RedisCluster> {
  const admin = createRedisAdmin();
  const started: ClusterNode[] = [];

  const startNode = async (): Promise<ClusterNode> => {
    const busPort = await freePort();
    const server = await startRedisServer({
      implementation: options.implementation ?? 'redis',
      args: [
        '--cluster-enabled yes',
        `--cluster-port ${busPort}`,
        `--cluster-node-timeout ${NODE_TIMEOUT}`,
        '--cluster-replica-validity-factor 0',
        '--repl-diskless-sync-delay 0',
      ]
        .flatMap((option) => option.split(' '))
        .concat(options.args ?? []),
    });
    const call: ClusterNode['call'] = async (...command) => admin.call(server.port, ...command);
    const id = String(await call('CLUSTER', 'MYID'));
    const node = { ...server, id, busPort, address: `${server.host}:${server.port}`, call };
    started.push(node);
    return node;
  };
  const destroy = async (): Promise<void> => {
    admin.close();
    await Promise.all(started.map(async (node) => node.destroy()));
  };
  /** Those that run. */
  const alive = (): ClusterNode[] =>
    started.filter((node) => {
      try {
        return node.pid() > 0;
      } catch {
        return false;
      }
    });
  const agreed = async (): Promise<void> => {
    for (const node of alive()) {
      await admin.until(
        `${node.address} serves`,
        () => node.call('CLUSTER', 'INFO'),
        (info) => info.includes('cluster_state:ok') && info.includes(`cluster_slots_ok:${SLOTS}`),
      );
    }
  };
  const promoted = async (master: ClusterNode): Promise<void> => {
    for (const node of alive()) {
      await admin.until(
        `${node.address} knows ${master.address} as a master`,
        () => node.call('CLUSTER', 'NODES'),
        (nodes) => new RegExp(`^${master.id} \\S+ (?:myself,)?master .*\\d$`, 'm').test(nodes),
      );
    }
    await agreed();
  };
  const meet = async (node: ClusterNode, others: readonly ClusterNode[]): Promise<void> => {
    const [first] = others;
    if (first === undefined || first === node) return;
    await node.call('CLUSTER', 'MEET', first.host, first.port, first.busPort);
  };
  const met = async (): Promise<void> => {
    for (const node of started) {
      for (const other of started) {
        await admin.until(
          `${node.address} knows ${other.address}`,
          () => node.call('CLUSTER', 'NODES'),
          (nodes) => new RegExp(`^${other.id} (?!.*handshake)`, 'm').test(nodes),
        );
      }
    }
  };

  try {
    const masters = await Promise.all(Array.from({ length: MASTERS }, startNode));
    const replicas = options.replicas ? await Promise.all(Array.from({ length: MASTERS }, startNode)) : [];
    const share = Math.ceil(SLOTS / MASTERS);
    for (const [index, node] of [...masters, ...replicas].entries()) {
      await node.call('CLUSTER', 'SET-CONFIG-EPOCH', index + 1);
      await meet(node, masters);
    }
    for (const [index, node] of masters.entries()) {
      await node.call('CLUSTER', 'ADDSLOTSRANGE', index * share, Math.min(SLOTS, (index + 1) * share) - 1);
    }
    await met();
    for (const [index, replica] of replicas.entries()) {
      await replica.call('CLUSTER', 'REPLICATE', masters[index]?.id ?? '');
    }
    const replicating = async (replica: ClusterNode): Promise<void> =>
      admin.until(
        `${replica.address} has its master's data`,
        () => replica.call('INFO', 'replication'),
        (info) => info.includes('role:slave') && info.includes('master_link_status:up'),
      );
    for (const replica of replicas) await replicating(replica);
    await agreed();

    const beginMigration: RedisCluster['beginMigration'] = async (slot, from, to) => {
      await to.call('CLUSTER', 'SETSLOT', slot, 'IMPORTING', from.id);
      await from.call('CLUSTER', 'SETSLOT', slot, 'MIGRATING', to.id);
    };
    const migrateKeys: RedisCluster['migrateKeys'] = async (slot, from, to, some) => {
      for (;;) {
        const keys = some ?? (await from.call('CLUSTER', 'GETKEYSINSLOT', slot, 100));
        if (!Array.isArray(keys) || keys.length === 0) return;
        await from.call('MIGRATE', to.host, to.port, '', 0, 5_000, 'KEYS', ...keys.map(String));
        if (some !== undefined) return;
      }
    };
    const endMigration: RedisCluster['endMigration'] = async (slot, from, to) => {
      const others = alive().filter((node) => masters.includes(node) && node !== from && node !== to);
      for (const node of [to, from, ...others]) await node.call('CLUSTER', 'SETSLOT', slot, 'NODE', to.id);
      // A later move begins with what all know, or its old owner could win the slot back.
      const epochIn = (nodes: unknown): string | undefined =>
        new RegExp(`^${to.id} (?:\\S+ ){5}(\\d+)`, 'm').exec(String(nodes))?.[1];
      const epoch = epochIn(await to.call('CLUSTER', 'NODES'));
      for (const node of [from, ...others]) {
        await admin.until(
          `${node.address} knows of the move`,
          async () => epochIn(await node.call('CLUSTER', 'NODES')) === epoch,
          (reply) => reply === 'true',
        );
      }
    };
    return {
      masters,
      replicas,
      addresses: started.map(({ address }) => address),
      async ownerOf(slot) {
        const [node] = alive();
        const ranges = await node?.call('CLUSTER', 'SLOTS');
        for (const [first, last, [, , id]] of ranges as [number, number, [string, number, string]][]) {
          const owner = started.find((one) => one.id === id);
          if (slot >= first && slot <= last && owner !== undefined) return owner;
        }
        throw new Error(`nobody serves slot ${slot}`);
      },
      beginMigration,
      migrateKeys,
      endMigration,
      async moveSlot(slot, from, to) {
        await beginMigration(slot, from, to);
        await migrateKeys(slot, from, to);
        await endMigration(slot, from, to);
      },
      async failover(replica) {
        await replicating(replica);
        // The others vote only once about a master within twice the node timeout; what they refuse is given up later.
        let askedAt = -Infinity;
        await admin.until(
          `${replica.address} is a master`,
          async () => {
            const role = await replica.call('ROLE');
            if (Array.isArray(role) && role[0] === 'master') return 'master';
            if (performance.now() - askedAt < NODE_TIMEOUT) return 'not yet';
            askedAt = performance.now();
            return replica.call('CLUSTER', 'FAILOVER');
          },
          (reply) => reply === 'master',
        );
        await promoted(replica);
      },
      promoted,
      async addNode() {
        const node = await startNode();
        await meet(node, masters);
        await met();
        await agreed();
        return node;
      },
      destroy,
    };
  } catch (error) {
    await destroy();
    throw error;
  }
}
