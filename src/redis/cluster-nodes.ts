import type { Log } from '../pipeline/ports.ts';
import type { RedisConnectionOptions } from './client.ts';
import { connectRedis } from './connection.ts';
import type { RedisNode } from './connection.ts';
import type { DatasetWatch } from './dataset-watch.ts';
import { addressOf } from './slot-map.ts';
import type { NodePlace } from './slot-map.ts';

/** One node of a cluster, master or not. */
export interface ClusterNode {
  /** `host:port`. */
  readonly address: string;
  readonly place: NodePlace;
  readonly connection: RedisNode;
}

/** How long a node is kept that is no master, after it was last used, ms: slots may be on their way to it. */
const KEEP_UNUSED = 10_000;

/** The connections to the nodes of a cluster, one to each. */
export class ClusterNodes {
  readonly #options: RedisConnectionOptions;
  readonly #log: Log;
  readonly #watch: DatasetWatch;
  readonly #nodes = new Map<string, ClusterNode & { usedAt: number }>();
  readonly #closing = new Set<Promise<void>>();
  #pastSessions = 0;

  constructor(options: RedisConnectionOptions, log: Log, watch: DatasetWatch) {
    this.#options = options;
    this.#log = log;
    this.#watch = watch;
  }

  get all(): readonly ClusterNode[] {
    return [...this.#nodes.values()];
  }

  /** Sessions with any node since the beginning; it never goes back. */
  get sessions(): number {
    return this.all.reduce((sum, { connection }) => sum + connection.sessions(), this.#pastSessions);
  }

  get(address: string): ClusterNode | undefined {
    return this.#nodes.get(address);
  }

  /** The node at a place, to be used now; it is connected to if it is not yet. */
  at(place: NodePlace): ClusterNode {
    const address = addressOf(place);
    let node = this.#nodes.get(address);
    if (node === undefined) {
      const membership = { name: address, watch: this.#watch };
      const connection = connectRedis({ ...this.#options, ...place }, this.#log, membership);
      node = { address, place, connection, usedAt: 0 };
      this.#nodes.set(address, node);
    }
    node.usedAt = performance.now();
    return node;
  }

  /** Ends the connections to nodes that are not among these masters, and that were not used of late. */
  keepMasters(masters: ReadonlyMap<string, NodePlace>): void {
    for (const place of masters.values()) this.at(place);
    for (const node of this.#nodes.values()) {
      if (masters.has(node.address) || performance.now() - node.usedAt < KEEP_UNUSED) continue;
      this.#nodes.delete(node.address);
      this.#pastSessions += node.connection.sessions();
      const closed = node.connection.close().finally(() => this.#closing.delete(closed));
      this.#closing.add(closed);
    }
  }

  async close(): Promise<void> {
    await Promise.all([...this.all.map(async ({ connection }) => connection.close()), ...this.#closing]);
  }
}
