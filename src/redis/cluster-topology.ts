import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log } from '../pipeline/ports.ts';
import { ClusterNodes } from './cluster-nodes.ts';
import type { ClusterNode } from './cluster-nodes.ts';
import type { RedisConnectionOptions } from './client.ts';
import type { DatasetWatch } from './dataset-watch.ts';
import { classifyRedisError, isErrorReply } from './replies.ts';
import { addressOf, SlotMap } from './slot-map.ts';
import type { NodePlace } from './slot-map.ts';

/** How often the nodes are asked for the slots without any reason, ms. */
const REFRESH_INTERVAL = 2_000;
/** The same with reasons, at most, ms. */
const REFRESH_PAUSE = 100;
/** How long a node counts as one that slots are moving to, after it was last seen to be, ms. */
const RECEIVES = 60_000;
/** How long one question may wait for a session with a seed, ms; the connections are made meanwhile, however long it takes. */
const SEED_PATIENCE = 200;
/** Nodes that are asked at a time: one may know less than others. */
const ASKED = 3;

/** Knows which master serves which slot, as far as some node of the cluster knows it. */
export class ClusterTopology {
  readonly nodes: ClusterNodes;
  readonly #seeds: readonly NodePlace[];
  readonly #log: Log;
  readonly #watch: DatasetWatch;
  readonly #receivers = new Map<string, { readonly place: NodePlace; readonly knownAt: number }>();
  #map: SlotMap | undefined;
  #version = 0;
  #failure = new UnstaleError('UNSTALE_REDIS_UNREACHABLE', 'not yet connected to the Redis cluster');
  #refreshing: Promise<void> | undefined;
  #timer: NodeJS.Timeout | undefined;
  #refreshedAt = Number.NEGATIVE_INFINITY;
  #closed = false;

  constructor(
    options: RedisConnectionOptions,
    seeds: readonly NodePlace[],
    { log, watch }: { readonly log: Log; readonly watch: DatasetWatch },
  ) {
    this.nodes = new ClusterNodes(options, log, watch);
    this.#seeds = seeds;
    this.#log = log;
    this.#watch = watch;
    void this.refresh();
  }

  /** Undefined until some node told it. */
  get map(): SlotMap | undefined {
    return this.#map;
  }

  /** Why there is no map. */
  get failure(): UnstaleError {
    return this.#failure;
  }

  /** Another one after every change of the map and every new session with a node. */
  get epoch(): number {
    return this.#version + this.nodes.sessions;
  }

  /** The nodes that serve slots. */
  get masters(): readonly ClusterNode[] {
    return [...(this.#map?.masters.keys() ?? [])].flatMap((address) => this.nodes.get(address) ?? []);
  }

  /** All that hold keys: also nodes that slots are moving to, and that may serve none yet. */
  get holders(): readonly ClusterNode[] {
    const receiving = [...this.#receivers.keys()].flatMap((address) => this.nodes.get(address) ?? []);
    return [...new Set([...this.masters, ...receiving])];
  }

  /** A slot is moving to this node. */
  receives(place: NodePlace): ClusterNode {
    const address = addressOf(place);
    // A master is one as long as it serves slots; should it fail, nobody waits for it longer than that.
    if (this.#map?.masters.has(address) !== true)
      this.#receivers.set(address, { place, knownAt: performance.now() });
    return this.nodes.at(place);
  }

  /** The node that serves a slot. @throws UnstaleError when nobody is known to. */
  ownerOf(slot: number): ClusterNode {
    if (this.#map === undefined) throw this.#failure;
    const owner = this.#map.ownerOf(slot);
    const place = owner === undefined ? undefined : this.#map.masters.get(owner);
    if (place !== undefined) return this.nodes.at(place);
    this.refreshSoon();
    throw new UnstaleError('UNSTALE_REDIS_BUSY', `no node of the Redis cluster serves slot ${slot}`);
  }

  /** Nodes said so of these slots; the others are asked about. */
  moved(slots: ReadonlyMap<number, NodePlace>): void {
    if (this.#map === undefined || slots.size === 0) return;
    this.#accept(this.#map.with(slots));
    this.refreshSoon();
  }

  /** The map may be wrong. */
  refreshSoon(): void {
    if (this.#closed || this.#refreshing !== undefined) return;
    this.#schedule(Math.max(0, this.#refreshedAt + REFRESH_PAUSE - performance.now()));
  }

  /** Asks the nodes; resolves when that is over, also if none answered. */
  async refresh(): Promise<void> {
    this.#refreshing ??= this.#load().finally(() => {
      this.#refreshing = undefined;
      this.#refreshedAt = performance.now();
      if (!this.#closed) this.#schedule(this.#map === undefined ? REFRESH_PAUSE : REFRESH_INTERVAL);
    });
    return this.#refreshing;
  }

  async close(): Promise<void> {
    this.#closed = true;
    clearTimeout(this.#timer);
    await this.nodes.close();
    await this.#refreshing;
  }

  #schedule(delay: number): void {
    clearTimeout(this.#timer);
    this.#timer = setTimeout(() => void this.refresh(), delay);
  }

  async #load(): Promise<void> {
    const reachable = shuffled(this.masters.filter(({ connection }) => connection.isReachable()));
    const answers = await Promise.all(
      reachable.slice(0, ASKED).map(async (node) => mapFrom(node).catch(() => undefined)),
    );
    const map = this.#mostAgreed(answers.filter((answer) => answer !== undefined));
    if (map !== undefined) return this.#accept(map);
    if (this.#closed) return;
    // All at once: each may be away, and one is enough.
    const asked = this.#seeds.map(async (seed) => {
      const node = this.nodes.at(seed);
      await node.connection.checkReady(SEED_PATIENCE);
      return mapFrom(node);
    });
    try {
      this.#accept(await Promise.any(asked));
    } catch (error) {
      const failures = (error instanceof AggregateError ? error.errors : [error]).map(classifyRedisError);
      this.#failure =
        failures.find(({ policy }) => policy.directive !== 'retry') ?? failures[0] ?? this.#failure;
    }
  }

  /**
   * What most say. A node that has not heard of a failover yet must not lead back to the former master, which may take
   * deletes that nobody will see. In doubt what is known stays.
   */
  #mostAgreed(answers: readonly SlotMap[]): SlotMap | undefined {
    const votes = (map: SlotMap): number => answers.filter((other) => other.equals(map)).length;
    const most = Math.max(...answers.map(votes));
    const best = answers.filter((map) => votes(map) === most);
    const current = this.#map;
    return best.find((map) => current !== undefined && map.equals(current)) ?? best[0];
  }

  #accept(map: SlotMap): void {
    if (this.#closed) return;
    const before = this.#map;
    const isOther = before === undefined || !before.equals(map);
    if (before === undefined) this.#watch.expect(map.masters.keys());
    if (isOther) {
      this.#map = map;
      this.#version += 1;
    }
    for (const [address, { knownAt }] of this.#receivers)
      if (map.masters.has(address) || performance.now() - knownAt > RECEIVES) this.#receivers.delete(address);
    const receiving = [...this.#receivers].map(([address, { place }]) => [address, place] as const);
    this.nodes.keepMasters(new Map([...receiving, ...map.masters]));
    // They may have been replicas a moment ago, in the same session.
    for (const address of map.masters.keys())
      if (before?.masters.has(address) === false) this.nodes.get(address)?.connection.lookAgain();
    const masters = [...map.masters.keys()].toSorted();
    if (before !== undefined && masters.join() !== [...before.masters.keys()].toSorted().join())
      this.#log.info({ masters }, 'other masters serve the slots of the Redis cluster');
  }
}

/** @throws UnstaleError when the node does not know. */
async function mapFrom({ connection, place }: ClusterNode): Promise<SlotMap> {
  const [reply] = await connection.sendAll([{ args: ['CLUSTER', 'SLOTS'] }], 'read');
  if (reply?.error !== undefined) throw refusal(reply.error);
  const map = SlotMap.read(reply?.value, place.host);
  if (map !== undefined) return map;
  throw new UnstaleError('UNSTALE_REDIS_BUSY', 'the Redis cluster serves no slot yet');
}

function refusal(error: Error): UnstaleError {
  if (isErrorReply(error) && error.message.includes('cluster support disabled')) {
    return new UnstaleError(
      'UNSTALE_CONFIG_INVALID',
      'redis.cluster names a Redis that is no cluster: write it as redis.url',
    );
  }
  return classifyRedisError(error);
}

function shuffled<T>(items: readonly T[]): T[] {
  return items
    .map((item) => ({ item, order: Math.random() }))
    .toSorted((one, other) => one.order - other.order)
    .map(({ item }) => item);
}
