import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log } from '../pipeline/ports.ts';
import type { RedisConnectionOptions } from './client.ts';
import { createClusterCommands } from './cluster-commands.ts';
import type { ClusterNode } from './cluster-nodes.ts';
import { probeCluster } from './cluster-probe.ts';
import { slotsOf } from './cluster-slots.ts';
import { ClusterTopology } from './cluster-topology.ts';
import type { RedisConnection } from './connection.ts';
import { createDatasetWatch } from './dataset-watch.ts';
import { lostTrack } from './replica-wait.ts';
import { classifyRedisError } from './replies.ts';
import type { NodePlace } from './slot-map.ts';

const READY_POLL = 100;

/** How to reach every node; where they are is found out. */
export type RedisClusterOptions = Omit<
  RedisConnectionOptions,
  'host' | 'port' | 'socketPath' | 'db' | 'sentinel'
>;

/**
 * A connection to the masters of a Redis Cluster, which finds its nodes by way of `seeds` and follows slots and
 * failovers. It connects at once and for ever; see `connectRedis`.
 */
export function connectRedisCluster(
  options: RedisClusterOptions,
  seeds: readonly NodePlace[],
  log: Log,
): RedisConnection {
  const watch = createDatasetWatch();
  const [{ host, port } = { host: 'localhost', port: 6379 }] = seeds;
  const topology = new ClusterTopology({ ...options, host, port, db: 0 }, seeds, { log, watch });
  const commands = createClusterCommands(topology);
  const views = new WeakMap<ClusterNode, RedisConnection>();

  /** Why the cluster cannot be used as a whole. */
  const problem = async (): Promise<UnstaleError | undefined> => {
    const { map } = topology;
    if (map === undefined) return topology.failure;
    if (map.unserved > 0) {
      topology.refreshSoon();
      return new UnstaleError(
        'UNSTALE_REDIS_BUSY',
        `no node of the Redis cluster serves ${map.unserved} slots`,
      );
    }
    const asked = topology.masters.map(async ({ connection }) =>
      connection.checkReady(0).then(() => undefined, classifyRedisError),
    );
    const problems = (await Promise.all(asked)).filter((one) => one !== undefined);
    if (problems.length > 0) topology.refreshSoon();
    return problems.find(({ policy }) => policy.directive !== 'retry') ?? problems[0];
  };

  const someNode = (): RedisConnection => {
    const { masters } = topology;
    const node = masters.find(({ connection }) => connection.isReachable()) ?? masters[0];
    if (node === undefined) throw topology.failure;
    return node.connection;
  };

  /** One node for scopes: what is found there is removed wherever it is by then. */
  const viewOf = (node: ClusterNode): RedisConnection => {
    const known = views.get(node);
    if (known !== undefined) return known;
    const { connection: own } = node;
    const view: RedisConnection = {
      ...connection,
      name: node.address,
      checkReady: async (timeoutMs) => own.checkReady(timeoutMs),
      scan: async (cursor, pattern, count) => own.scan(cursor, pattern, count),
      info: async () => own.info(),
      identity: async () => own.identity(),
      slots: async () => slotsOf(topology, node),
      isReachable: () => own.isReachable(),
      isKnown: () => own.isKnown(),
      // A cursor means something to the process that gave it, whatever becomes of others.
      sessions: () => own.sessions(),
    };
    views.set(node, view);
    return view;
  };

  const connection: RedisConnection = {
    ...commands,
    name: 'cluster',
    scan: async () => {
      throw new UnstaleError('UNSTALE_REDIS_UNEXPECTED_REPLY', 'SCAN is about one node of a cluster');
    },
    isReachable: () =>
      topology.map !== undefined && topology.masters.every((node) => node.connection.isReachable()),
    sessions: () => topology.epoch,
    async checkReady(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const found = await problem();
        if (found === undefined) return;
        const left = deadline - performance.now();
        if (found.policy.directive !== 'retry' || left <= 0) throw found;
        await new Promise((resolve) => {
          setTimeout(resolve, Math.min(left, READY_POLL));
        });
      }
    },
    probe: async (sample) => probeCluster(topology, sample),
    info: async () => someNode().info(),
    async settle(since = topology.epoch) {
      if ((options.waitReplicas ?? 0) === 0) return;
      if (since !== topology.epoch) throw lostTrack();
      // Also those that slots are only moving to. A master that was replaced has no say: it may be a replica itself by
      // now, and what it executed in time has been sent again since.
      await Promise.all(topology.holders.map(async (node) => node.connection.settle()));
      if (since !== topology.epoch) throw lostTrack();
    },
    isKnown: () => topology.map !== undefined && topology.masters.every((node) => node.connection.isKnown()),
    async identity() {
      const parts = topology.masters.map(async (node) => {
        const identity = await node.connection.identity();
        return identity === undefined ? undefined : `${node.address}=${identity}`;
      });
      if (parts.length === 0) throw topology.failure;
      const known = await Promise.all(parts);
      const identities = known.filter((one) => one !== undefined);
      return identities.length < known.length ? undefined : identities.toSorted().join(' ');
    },
    onDatasetChange: (listener) => watch.onChange(listener),
    nodes: () => topology.holders.map(viewOf),
    slots: async () => {
      throw new UnstaleError('UNSTALE_INTERNAL', 'the slots are those of one node of a cluster');
    },
    close: async () => topology.close(),
  };
  return connection;
}
