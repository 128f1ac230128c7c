import { Counter, Gauge } from 'prom-client';
import type { Registry } from 'prom-client';

/** One Redis that holds keys. `undefined`: not known, and its metric shows no sample. */
export interface RedisNodeSample {
  readonly name: string;
  /** ms */
  readonly ping: number | undefined;
  readonly evictedKeys: number | undefined;
  readonly blockedClients: number | undefined;
  /** bytes */
  readonly usedMemory: number | undefined;
  /** bytes */
  readonly maxMemory: number | undefined;
  readonly evictsAllKeys: boolean | undefined;
  /** bytes */
  readonly replicaLag: number | undefined;
}

/** Adds what is known of each Redis to a registry; `nodes` is asked at each scrape. */
export function registerRedisMetrics(registry: Registry, nodes: () => readonly RedisNodeSample[]): void {
  type Read = (node: RedisNodeSample) => number | undefined;
  const known = (read: Read): readonly [labels: { readonly node: string }, value: number][] =>
    nodes().flatMap((node) => {
      const value = read(node);
      return value === undefined ? [] : [[{ node: node.name }, value]];
    });
  const common = (name: string, help: string) => ({
    name: `unstale_redis_${name}`,
    help,
    labelNames: ['node'],
    registers: [registry],
  });
  const gauge = (name: string, help: string, read: Read) =>
    new Gauge({
      ...common(name, help),
      collect() {
        this.reset();
        for (const [labels, value] of known(read)) this.set(labels, value);
      },
    });
  gauge('ping_seconds', 'Time that Redis took to answer a PING.', ({ ping }) =>
    ping === undefined ? undefined : ping / 1000,
  );
  gauge('blocked_clients', 'Clients that wait in a blocking command.', (node) => node.blockedClients);
  gauge('memory_used_bytes', 'Memory that Redis uses.', (node) => node.usedMemory);
  gauge('memory_max_bytes', 'Memory that Redis may use, 0 for no limit.', (node) => node.maxMemory);
  gauge('evicts_all_keys', 'Whether Redis may evict any key.', ({ evictsAllKeys }) =>
    evictsAllKeys === undefined ? undefined : Number(evictsAllKeys),
  );
  gauge('replica_lag_bytes', 'What the slowest replica does not have yet.', (node) => node.replicaLag);
  const counter = (name: string, help: string, read: Read) =>
    new Counter({
      ...common(name, help),
      collect() {
        this.reset();
        for (const [labels, value] of known(read)) this.inc(labels, value);
      },
    });
  counter('evicted_keys_total', 'Keys that Redis removed for want of memory.', (node) => node.evictedKeys);
}
