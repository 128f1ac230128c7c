import type { Cluster } from 'ioredis';
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import { keySlot } from '../../src/protocol/slot.ts';
import { createReader, fromIoredis } from '../../src/reader/index.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { clusterClient } from '../support/redis-cluster-sink.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const servers = inject('servers');
const [server] = servers.mysql;
const ROWS = 300;

describe.skipIf(!hasLocalRedis || server === undefined)('a daemon on a cluster of three', () => {
  let cluster: RedisCluster;
  let client: Cluster;
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    cluster = await startRedisCluster({ replicas: true });
    client = clusterClient(cluster);
  });
  beforeEach(async () => {
    shop = await openShop(server!, servers.redis.url);
    await shop.db.query(
      'CREATE TABLE products (id INT PRIMARY KEY, n INT NOT NULL, v BIGINT UNSIGNED NOT NULL)',
    );
    const products = `${shop.db.name}.products`;
    const value = { columns: ['id', 'n'] };
    const rules = [
      { table: products, key: shop.key('lease:{id}') },
      { table: products, key: shop.key('version:{id}'), guard: 'version', version: { column: 'v' } },
      {
        table: products,
        key: shop.key('value:{id}'),
        action: 'update',
        version: { column: 'v' },
        value,
        ttl: '10m',
      },
    ].map((rule) => (rule.action === 'update' ? { ...rule, create: true } : rule));
    const redis = { url: undefined, cluster: cluster.addresses };
    daemon = await startDaemon(shop.config({ redis, rest: { rules } }));
    await daemon.ready();
  });
  afterEach(async () => {
    await daemon?.kill();
    await shop?.close();
  });
  afterAll(async () => {
    client?.disconnect();
    await cluster?.destroy();
  });

  const ids = Array.from({ length: ROWS }, (_, index) => index + 1);
  const insertAll = (): Promise<unknown> =>
    shop.db.query(`INSERT INTO products VALUES ${ids.map((id) => `(${id}, 0, 1)`).join(',')}`);
  /** Resolves when every row's value is there with this `n`, and what other rules delete is gone. */
  const allAt = async (n: number): Promise<void> => {
    await eventually(
      `all values with n = ${n}`,
      async () => {
        const values = await Promise.all(ids.map(async (id) => client.get(shop.key(`value:${id}`))));
        const cached = ids.flatMap((id) => [shop.key(`lease:${id}`), shop.key(`version:${id}`)]);
        const left = await Promise.all(cached.map(async (key) => client.exists(key)));
        const wrong = ids.filter((id, index) => values[index] !== JSON.stringify({ id, n }));
        return [wrong.length, left.filter((count) => count > 0).length];
      },
      ([wrong, left]) => wrong === 0 && left === 0,
      { timeoutMs: 30_000 },
    );
  };
  const cacheAll = async (): Promise<void> => {
    for (const id of ids) {
      await client.set(shop.key(`lease:${id}`), 'old');
      await client.set(shop.key(`version:${id}`), 'old');
    }
  };

  it('deletes, marks and updates keys of all nodes, and removes scopes from all of them', async () => {
    await insertAll();
    await allAt(0);
    const owners = await Promise.all(
      ids.slice(0, 50).map(async (id) => (await cluster.ownerOf(keySlot(shop.key(`value:${id}`)))).port),
    );
    expect(new Set(owners).size).toBe(3);
    await cacheAll();
    await shop.db.query('UPDATE products SET n = 1, v = v + 1');
    await allAt(1);
    await shop.db.query('TRUNCATE TABLE products');
    await eventually(
      'all values are gone',
      async () => Promise.all(ids.map(async (id) => client.exists(shop.key(`value:${id}`)))),
      (counts) => counts.every((count) => count === 0),
    );
  });

  it('goes on while slots move from node to node, and loses nothing', async () => {
    await insertAll();
    await allAt(0);
    await cacheAll();
    const slots = [...new Set(ids.slice(0, 12).map((id) => keySlot(shop.key(`lease:${id}`))))];
    const moving = (async () => {
      for (const slot of slots) {
        const source = await cluster.ownerOf(slot);
        const target = cluster.masters.find((node) => node !== source);
        if (target !== undefined) await cluster.migrate(slot, target);
      }
    })();
    for (let round = 1; round <= 20; round += 1)
      await shop.db.query('UPDATE products SET n = ?, v = v + 1', [round]);
    await moving;
    await allAt(20);
  });

  it('lets the kit read through it: the lease is in the slot of its key', async () => {
    await insertAll();
    await allAt(0);
    const reader = createReader({ redis: fromIoredis(client), source: 'primary' });
    try {
      const read = async (id: number): Promise<unknown> =>
        reader.get(shop.key(`lease:${id}`), async () => {
          const [row] = await shop.db.query('SELECT n FROM products WHERE id = ?', [id]);
          return row?.['n'];
        });
      expect(await Promise.all(ids.map(read))).toEqual(ids.map(() => 0));
      await shop.db.query('UPDATE products SET n = 5, v = v + 1');
      await allAt(5);
      expect(await Promise.all(ids.map(read))).toEqual(ids.map(() => 5));
    } finally {
      reader.close();
    }
  });
});
