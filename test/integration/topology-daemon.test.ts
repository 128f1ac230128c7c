import { join } from 'node:path';

import type { Cluster, Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, inject, test } from 'vitest';

import { shortPatience, startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import { policyOf } from '../../src/errors/catalog.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { createCertificates, tlsOf } from '../support/certificates.ts';
import { runCli, writeConfig } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { clusterClient } from '../support/redis-cluster-sink.ts';
import { testClient } from '../support/redis-sink.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const { mysql, redis } = inject('servers');
const [server] = mysql;

describe.skipIf(!hasLocalRedis || server === undefined)('a daemon', () => {
  let shop: Shop;
  let cluster: RedisCluster;
  let sentinels: RedisSentinels;

  beforeAll(async () => {
    [shop, cluster, sentinels] = await Promise.all([
      openShop(server!, redis.url),
      startRedisCluster(),
      startRedisSentinels(),
    ]);
  });
  afterAll(async () => {
    await Promise.all([shop?.close(), cluster?.destroy(), sentinels?.destroy()]);
  });

  /** Lets a daemon with this place of Redis delete keys of rows, and those of a truncated table. */
  const deletes = async (name: string, place: object, client: Redis | Cluster): Promise<void> => {
    // A daemon that finds another Redis than before would apply the truncation of the other test again.
    const client_id = `${shop.db.name}-${name}`;
    const daemon = await startDaemon({ ...shop.config(), client_id, redis: place });
    try {
      await daemon.ready();
      const ids = Array.from({ length: 30 }, (_, index) => index + 1);
      const names = (kind: string): string[] => ids.map((id) => shop.key(`${kind}:${id}`));
      const left = async (keys: readonly string[]): Promise<number> =>
        (await Promise.all(keys.map(async (key) => client.exists(key)))).filter((found) => found > 0).length;
      for (const key of [...names('user'), ...names('visit')]) await client.set(key, 'value');
      await shop.db.query(`INSERT INTO users (id) VALUES ${ids.map((id) => `(${id})`).join()}`);
      await eventually('the keys of the rows are gone', async () => (await left(names('user'))) === 0);
      expect(await left(names('visit'))).toBe(30);
      await shop.db.query('TRUNCATE TABLE visits');
      await eventually('the keys of the table are gone', async () => (await left(names('visit'))) === 0);
      expect((await daemon.stop()).code).toBe(0);
    } finally {
      await daemon.stop();
      client.disconnect();
      await shop.db.query('DELETE FROM users');
    }
  };

  test('deletes in a cluster', async () => {
    await deletes('cluster', { cluster: cluster.addresses }, clusterClient(cluster));
  });

  test('deletes on the master that sentinels name', async () => {
    const place = { sentinel: { name: sentinels.name, nodes: sentinels.addresses }, wait_replicas: 1 };
    await deletes('sentinels', place, testClient((await sentinels.master()).port));
  });

  describe('by TLS only', () => {
    let directory: string;
    let secureCluster: RedisCluster;
    let secureSentinels: RedisSentinels;

    beforeAll(async () => {
      ({ directory } = await createCertificates({ server: 'IP:127.0.0.1' }));
      const tls = tlsOf(directory, 'server');
      [secureCluster, secureSentinels] = await Promise.all([
        startRedisCluster({ tls }),
        startRedisSentinels({ tls }),
      ]);
    });
    afterAll(async () => {
      await Promise.all([secureCluster?.destroy(), secureSentinels?.destroy()]);
    });

    const placeOf = (kind: string, ca: string): object => ({
      ...(kind === 'cluster'
        ? { cluster: secureCluster.addresses }
        : { sentinel: { name: secureSentinels.name, nodes: secureSentinels.addresses } }),
      tls: { ca: join(directory, ca) },
    });

    test('deletes in a cluster', async () => {
      await deletes('tls-cluster', placeOf('cluster', 'ca.pem'), clusterClient(secureCluster, { tls: true }));
    });

    test('deletes on the master that sentinels name', async () => {
      const client = shortPatience(await secureSentinels.master());
      await deletes('tls-sentinels', placeOf('sentinels', 'ca.pem'), client);
    });

    test.each(['cluster', 'sentinels'])(
      'refuses to start where the certificates of the %s are of another authority, with code and hint',
      async (kind) => {
        const client_id = `${shop.db.name}-refused`;
        const redis = { ...placeOf(kind, 'other.pem'), connect_timeout: '1s' };
        const config = await writeConfig({ ...shop.config(), client_id, redis });
        const { code, stdout, stderr } = await runCli(['run', '-c', config]);
        expect(`${stdout}${stderr}`).toMatch(/UNSTALE_REDIS_TLS/);
        expect(stderr).toContain(policyOf('UNSTALE_REDIS_TLS').hint);
        expect(stderr).toContain('certificate');
        expect(code).toBe(3);
      },
    );
  });
});
