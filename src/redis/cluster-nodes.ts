import { UnstaleError } from '../errors/unstale-error.ts';
import { SLOTS } from '../protocol/slot.ts';
import type { Log } from '../pipeline/ports.ts';
import { askInfo, requireMaster } from './ask-info.ts';
import { createClient } from './client.ts';
import type { RedisConnectionOptions, ServerAddress, ServerOptions } from './client.ts';
import { formatAddress, parseEndpoint, readMap } from './cluster-topology.ts';
import type { ClusterMap } from './cluster-topology.ts';
import { datasetOf } from './failover-watch.ts';
import type { DatasetCause, FailoverWatch } from './failover-watch.ts';
import { openLink } from './link.ts';
import type { Link } from './link.ts';
import { classifyRedisError } from './replies.ts';
import { createReplicaWait } from './replica-wait.ts';
import type { ReplicaWait } from './replica-wait.ts';

/** A master, and our connection to it. */
export interface ClusterNode {
  /** `host:port`. */
  readonly address: string;
  readonly server: ServerOptions;
  readonly link: Link;
  readonly wait: ReplicaWait;
}

interface KnownNode extends ClusterNode {
  /** What the next session is to be reported as. */
  tookOver: Extract<DatasetCause, 'promoted' | 'replaced'> | undefined;
  /** When it was last needed without serving a slot, on the monotonic clock, ms. */
  neededAt: number;
}

/** How often the map is asked for while nothing is known to have changed, and while a node is missing, ms. */
const REFRESH_INTERVAL = 5_000;
const SEARCH_INTERVAL = 200;
/** How long a node that serves no slot stays connected after it was last needed, ms. */
const KEEP = 60_000;

/** The masters of a cluster: which node serves which slot, and a connection to each. */
export class ClusterNodes {
  readonly #options: RedisConnectionOptions;
  readonly #seeds: readonly ServerAddress[];
  readonly #watch: FailoverWatch;
  readonly #log: Log;
  readonly #nodes = new Map<string, KnownNode>();
  #map: ClusterMap | undefined;
  /** By slot: what MOVED replies said since the map was read wins over it. */
  #owners: (string | undefined)[] = [];
  #failure = new UnstaleError('UNSTALE_REDIS_UNREACHABLE', 'not yet connected to the Redis Cluster');
  #sessionsOfClosed = 0;
  #refreshing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #dueAt = 0;
  #closed = false;

  constructor(
    options: RedisConnectionOptions,
    seeds: readonly ServerAddress[],
    { watch, log }: { watch: FailoverWatch; log: Log },
  ) {
    this.#options = options;
    this.#seeds = seeds;
    this.#watch = watch;
    this.#log = log;
    void this.refresh();
  }

  /** Why slots cannot be served, as far as the map says; undefined if every slot has a node. */
  get problem(): UnstaleError | undefined {
    if (this.#map === undefined) return this.#failure;
    const slot = this.#owners.findIndex((owner) => owner === undefined);
    return slot >= 0 || this.#owners.length < SLOTS ? notServed(Math.max(slot, 0)) : undefined;
  }

  /** Those that serve slots, and those that are receiving some. */
  masters(): readonly ClusterNode[] {
    const now = performance.now();
    const serving = new Set(this.#owners);
    return [...this.#nodes.values()].filter(
      (node) => serving.has(node.address) || now - node.neededAt < KEEP,
    );
  }

  /** Only those that serve slots. */
  serving(): readonly ClusterNode[] {
    const serving = new Set(this.#owners);
    return [...this.#nodes.values()].filter((node) => serving.has(node.address));
  }

  /** How many sessions there were, on all nodes. */
  sessions(): number {
    let sum = this.#sessionsOfClosed;
    for (const { link } of this.#nodes.values()) sum += link.sessions();
    return sum;
  }

  /** @throws UnstaleError when nobody is known to serve the slot. */
  ownerOf(slot: number): ClusterNode {
    const node = this.#nodes.get(this.#owners[slot] ?? '');
    if (node !== undefined) return node;
    this.search();
    throw this.#map === undefined ? this.#failure : notServed(slot);
  }

  /** A node that a slot is moving to; it need not serve any yet. */
  async receiver(address: string): Promise<ClusterNode> {
    const node = this.#nodes.get(address) ?? this.#open(address, undefined);
    if (!this.#owners.includes(address)) node.neededAt = performance.now();
    // Commands on it fail at once while it has no session.
    if (node.link.sessions() === 0 && !node.link.isReachable())
      await node.link.changeWithin(this.#options.connectTimeout);
    return node;
  }

  /** A node said that another one serves the slot. */
  async moved(slot: number, address: string): Promise<void> {
    // What took over from whom has to be known before an unknown node gets any command.
    if (!this.#nodes.has(address)) await this.refresh();
    if (this.#nodes.has(address)) this.#owners[slot] = address;
    else this.search();
  }

  /** Something is wrong with a node, or with what is known: looks again soon. */
  search(): void {
    this.#schedule(SEARCH_INTERVAL);
  }

  /** Reads the map again; never rejects. Calls while it is being read get that one and then a new one. */
  async refresh(): Promise<void> {
    const running = this.#refreshing;
    if (running !== undefined) {
      await running;
      // Several may have waited; the first of them begins, and the others wait for it.
      if (this.#refreshing !== undefined) return this.#refreshing;
    }
    this.#refreshing = this.#read().finally(() => {
      this.#refreshing = undefined;
      const isSettled = this.problem === undefined && this.serving().every(({ link }) => link.isReachable());
      this.#schedule(isSettled ? REFRESH_INTERVAL : SEARCH_INTERVAL);
    });
    return this.#refreshing;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await Promise.all([this.#refreshing, ...[...this.#nodes.values()].map(({ link }) => link.close())]);
  }

  #schedule(ms: number): void {
    const dueAt = performance.now() + ms;
    // Who keeps on asking must not put it off.
    if (this.#closed || (this.#timer !== undefined && this.#dueAt <= dueAt)) return;
    clearTimeout(this.#timer);
    this.#dueAt = dueAt;
    this.#timer = setTimeout(() => {
      this.#timer = undefined;
      void this.refresh();
    }, ms);
  }

  async #read(): Promise<void> {
    const connected = [...this.#nodes.values()].filter(({ link }) => link.isReachable());
    const problems: UnstaleError[] = [];
    const ask = async (answers: Promise<ClusterMap>[]): Promise<ClusterMap[]> => {
      const settled = await Promise.allSettled(answers);
      return settled.flatMap((answer) => {
        if (answer.status === 'fulfilled') return [answer.value];
        problems.push(classifyRedisError(answer.reason));
        return [];
      });
    };
    let maps = await ask(
      connected.map(({ link, server }) => link.command((client) => askMap(client, server))),
    );
    if (!maps.some(({ isServing }) => isServing) && !this.#closed) {
      maps = maps.concat(await ask(this.#others().map((address) => this.#askOnce(address))));
    }
    if (this.#closed) return;
    // A node that is cut off from the others stops serving, and knows of no later epoch.
    const best = maps.toSorted(
      (one, other) => Number(other.isServing) - Number(one.isServing) || other.epoch - one.epoch,
    )[0];
    if (best === undefined) this.#failure = failureOf(problems);
    else this.#apply(best);
  }

  /** Addresses of nodes that were heard of, but are not connected. */
  #others(): ServerAddress[] {
    const known = new Map(this.#seeds.map((seed) => [formatAddress(seed), seed]));
    const [first = { host: '', port: 0 }] = this.#seeds;
    for (const [master, replicas] of this.#map?.replicas ?? []) {
      for (const address of [master, ...replicas]) known.set(address, parseEndpoint(address, first));
    }
    for (const [address, { link }] of this.#nodes) if (link.isReachable()) known.delete(address);
    return [...known.values()];
  }

  async #askOnce(address: ServerAddress): Promise<ClusterMap> {
    const client = createClient({ ...this.#options, ...address }, { lazyConnect: true, retryStrategy: null });
    let failure: unknown;
    client.on('error', (error) => (failure ??= error));
    try {
      await client.connect();
      if (failure !== undefined) throw failure;
      return await askMap(client, address);
    } catch (error) {
      // What connect() rejects with names no reason; the event before it does.
      throw classifyRedisError(failure ?? error);
    } finally {
      client.disconnect();
    }
  }

  #apply(map: ClusterMap): void {
    const takeovers = this.#takeovers(map);
    for (const address of new Set(map.owners)) {
      if (address === undefined) continue;
      const node = this.#nodes.get(address);
      const tookOver = takeovers.get(address);
      if (node === undefined) this.#open(address, tookOver);
      else {
        node.neededAt = -KEEP;
        if (tookOver !== undefined) this.#report(node, tookOver);
      }
    }
    this.#map = map;
    this.#owners = [...map.owners];
    this.#closeOthers(map);
  }

  /** Nodes that serve slots of others by anything but a move, in which the old node takes part. */
  #takeovers(map: ClusterMap): ReadonlyMap<string, 'promoted' | 'replaced'> {
    const takeovers = new Map<string, 'promoted' | 'replaced'>();
    for (const [slot, after] of map.owners.entries()) {
      const before = this.#owners[slot];
      if (before === undefined || after === undefined || before === after) continue;
      const wasReplica = this.#map?.replicas.get(before)?.has(after) === true;
      if (wasReplica || map.replicas.get(after)?.has(before) === true) takeovers.set(after, 'promoted');
      else if (this.#nodes.get(before)?.link.isReachable() === false && !takeovers.has(after)) {
        takeovers.set(after, 'replaced');
      }
    }
    return takeovers;
  }

  #report(node: KnownNode, tookOver: 'promoted' | 'replaced'): void {
    node.tookOver = tookOver;
    // Its session is admitted already; a new one is admitted as what it is now.
    node.link.renew(new UnstaleError('UNSTALE_REDIS_UNREACHABLE', `${node.address} took over slots`));
  }

  #open(address: string, tookOver: KnownNode['tookOver']): KnownNode {
    const { waitReplicas: replicas = 0, waitTimeout: timeout = 1_000 } = this.#options;
    const [first = { host: '', port: 0 }] = this.#seeds;
    const server = { ...this.#options, ...parseEndpoint(address, first) };
    const link = openLink({
      endpoint: address,
      locate: async () => server,
      admit: async (client) => {
        const info = await askInfo(client);
        requireMaster(info, address);
        this.#watch.saw(
          { place: address, node: address, dataset: datasetOf(info), tookOver: node.tookOver },
          { session: true },
        );
        node.tookOver = undefined;
      },
      onFailure: () => this.search(),
      log: this.#log,
    });
    const wait = createReplicaWait(link, address, { replicas, timeout });
    const node: KnownNode = { address, server, link, wait, tookOver, neededAt: -KEEP };
    this.#nodes.set(address, node);
    return node;
  }

  #closeOthers({ owners, replicas }: ClusterMap): void {
    const serving = new Set(owners);
    const isReplica = (address: string): boolean => [...replicas.values()].some((set) => set.has(address));
    for (const [address, node] of this.#nodes) {
      if (serving.has(address)) continue;
      const isNeeded = performance.now() - node.neededAt < KEEP && !isReplica(address);
      if (isNeeded) continue;
      this.#sessionsOfClosed += node.link.sessions();
      this.#nodes.delete(address);
      void node.link.close();
    }
  }
}

async function askMap(client: ReturnType<typeof createClient>, server: ServerAddress): Promise<ClusterMap> {
  const [info, slots] = await Promise.all([client.cluster('INFO'), client.cluster('SLOTS')]);
  return readMap(info, slots, server);
}

function notServed(slot: number): UnstaleError {
  return new UnstaleError('UNSTALE_REDIS_BUSY', `no node of the Redis Cluster serves slot ${slot}`);
}

/** It is worth to go on asking as long as one of them may answer later. */
function failureOf(problems: readonly UnstaleError[]): UnstaleError {
  const [first] = problems;
  const worth = problems.find(({ policy }) => policy.directive === 'retry');
  return (
    worth ?? first ?? new UnstaleError('UNSTALE_REDIS_UNREACHABLE', 'no node of the Redis Cluster is known')
  );
}
