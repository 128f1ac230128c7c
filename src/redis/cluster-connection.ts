import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log } from '../pipeline/ports.ts';
import { askInfo, requireMaster } from './ask-info.ts';
import type { RedisConnectionOptions, ServerAddress } from './client.ts';
import { createClusterCommands } from './cluster-commands.ts';
import { ClusterNodes } from './cluster-nodes.ts';
import type { ClusterNode } from './cluster-nodes.ts';
import { ClusterRouter } from './cluster-router.ts';
import { readOwnSlots } from './cluster-topology.ts';
import { createCommands } from './commands.ts';
import type { Arrivals, RedisConnection } from './connection.ts';
import { datasetOf, FailoverWatch, formatDataset } from './failover-watch.ts';
import { classifyRedisError } from './replies.ts';
import { requireSameSessions } from './replica-wait.ts';
import { probeRights } from './write-probe.ts';

const READY_POLL = 100;

/**
 * Connections to all masters of a cluster. Starts connecting and returns at once. Routing is our own: ioredis' Cluster
 * sends commands again and keeps them back on its own, and takes no pipeline over several nodes.
 */
export function connectCluster(
  options: RedisConnectionOptions,
  seeds: readonly ServerAddress[],
  log: Log,
): RedisConnection {
  const { waitReplicas = 0 } = options;
  const watch = new FailoverWatch();
  const nodes = new ClusterNodes(options, seeds, { watch, log });
  const router = new ClusterRouter(nodes);
  const views = new WeakMap<ClusterNode, RedisConnection>();

  // Never back: a counter that begins at an earlier time could repeat a value.
  let latest = 0;
  const time = async (): Promise<number> => {
    const times = await Promise.all(
      nodes.serving().map(({ link }) => createCommands((send) => link.command(send)).time()),
    );
    if (times.length === 0) nodes.ownerOf(0);
    latest = Math.max(latest, ...times);
    return latest;
  };

  /** Why no command or not every one can be sent. */
  const problemNow = async (): Promise<UnstaleError | undefined> => {
    if (nodes.problem !== undefined) return nodes.problem;
    for (const { link } of nodes.serving()) {
      const problem = await link.checkReady(0).then(() => undefined, classifyRedisError);
      if (problem !== undefined) return problem;
    }
    return undefined;
  };

  const cluster: RedisConnection = {
    ...createClusterCommands(router, time),
    isReachable: () => nodes.problem === undefined && nodes.serving().every(({ link }) => link.isReachable()),
    sessions: () => nodes.sessions(),
    async checkReady(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const problem = await problemNow();
        if (problem === undefined) return;
        const left = deadline - performance.now();
        if (problem.policy.directive !== 'retry' || left <= 0) throw problem;
        nodes.search();
        await new Promise((resolve) => setTimeout(resolve, Math.min(left, READY_POLL)));
      }
    },
    async probe(sample) {
      if (nodes.problem !== undefined) throw nodes.problem;
      // Each node has its own users and its own reasons to refuse writes.
      const results = await Promise.all(
        nodes
          .serving()
          .map(({ server }) => probeRights(server, sample, { waits: waitReplicas > 0, isCluster: true })),
      );
      return results.includes('unknown') ? 'unknown' : 'permitted';
    },
    info: async () => nodes.ownerOf(0).link.command(askInfo),
    async settle(since) {
      if (waitReplicas === 0) return;
      requireSameSessions(since, nodes.sessions());
      await Promise.all(nodes.masters().map(({ wait }) => wait()));
      requireSameSessions(since, nodes.sessions());
    },
    onDatasetChange: (listener) => watch.onChange(listener),
    async identity() {
      if (nodes.problem !== undefined) throw nodes.problem;
      const identities = await Promise.all(nodes.serving().map((node) => identityOf(node, watch)));
      const known = identities.filter((identity) => identity !== undefined);
      return known.length < identities.length ? undefined : known.toSorted().join(' ');
    },
    nodes: () => nodes.masters().map((node) => viewOf(node)),
    arrivals: () =>
      Promise.reject(new UnstaleError('UNSTALE_INTERNAL', 'arrivals are asked for node by node')),
    scanSlot: () => Promise.reject(new UnstaleError('UNSTALE_INTERNAL', 'slots are scanned node by node')),
    close: () => nodes.close(),
  };

  const viewOf = (node: ClusterNode): RedisConnection => {
    const known = views.get(node);
    if (known !== undefined) return known;
    const { link } = node;
    const own = createCommands((send) => link.command(send));
    const view: RedisConnection = {
      ...cluster,
      scan: (cursor, pattern, count) => own.scan(cursor, pattern, count),
      isReachable: () => link.isReachable(),
      info: async () => link.command(askInfo),
      arrivals: createArrivals(node, nodes),
      scanSlot: (slot) => scanSlot(node, slot),
    };
    views.set(node, view);
    return view;
  };
  return cluster;
}

async function identityOf({ address, link }: ClusterNode, watch: FailoverWatch): Promise<string | undefined> {
  const session = link.sessions();
  const info = await link.command(askInfo);
  requireMaster(info, address);
  const dataset = datasetOf(info);
  if (session === link.sessions() && link.isReachable()) {
    watch.saw({ place: address, node: address, dataset }, { session: false });
  }
  return dataset === undefined ? undefined : formatDataset(dataset);
}

/** Slots that the node did not serve when it was asked before. */
function createArrivals(node: ClusterNode, nodes: ClusterNodes): (since: number) => Promise<Arrivals> {
  let revision = 0;
  let served = new Set<number>();
  const gainedAt = new Map<number, number>();
  return async (since) => {
    const reply = await node.link
      .command((client) => client.cluster('NODES'))
      .catch((error: unknown) => {
        throw classifyRedisError(error);
      });
    const own = readOwnSlots(reply, node.server);
    // Nodes that keys move to have to be scanned as well.
    for (const address of own.masters) await nodes.receiver(address);
    revision += 1;
    for (const slot of own.serves) if (!served.has(slot)) gainedAt.set(slot, revision);
    served = new Set(own.serves);
    const slots = new Set(own.importing);
    for (const slot of own.serves) if ((gainedAt.get(slot) ?? 0) > since) slots.add(slot);
    return { revision, slots: [...slots] };
  };
}

async function scanSlot({ link }: ClusterNode, slot: number): Promise<Buffer[]> {
  const count = await link.command((client) => client.cluster('COUNTKEYSINSLOT', slot));
  if (count === 0) return [];
  const keys = await link.command((client) => client.callBuffer('CLUSTER', 'GETKEYSINSLOT', slot, count));
  return Array.isArray(keys) ? keys.filter((key) => Buffer.isBuffer(key)) : [];
}
