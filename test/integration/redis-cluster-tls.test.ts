import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisCluster } from '../../scripts/servers/redis-cluster.ts';
import type { RedisServer } from '../../scripts/servers/redis-server.ts';
import { keySlot } from '../../src/protocol/slot.ts';
import type { RedisClusterOptions } from '../../src/redis/cluster-connection.ts';
import { eachLocalRedis } from '../support/local-redis.ts';
import { EVERYWHERE } from '../support/mysql-servers.ts';
import { createCertificates, tlsOf } from '../support/certificates.ts';
import { openClusterSink } from '../support/redis-cluster-sink.ts';
import { applyOnce, deletesOf, deletesOnly, durable, numberedKeys, scopeOf } from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';

let directory: string;
let ca: string;
let otherCa: string;

beforeAll(async () => {
  ({ directory, ca, otherCa } = await createCertificates({
    address: 'IP:127.0.0.1',
    name: 'DNS:localhost',
    service: 'DNS:cache.example',
  }));
});

/** How nodes call themselves to clients, what their certificates name, and what the daemon is told. */
const KINDS = {
  'addresses, which their certificates name': { certificate: 'address', args: [], host: '127.0.0.1' },
  'hostnames, which alone their certificates name': {
    certificate: 'name',
    args: ['--cluster-announce-hostname', 'localhost', '--cluster-preferred-endpoint-type', 'hostname'],
    host: 'localhost',
  },
  'nothing but ports at the name where they are reached': {
    certificate: 'name',
    args: ['--cluster-preferred-endpoint-type', 'unknown-endpoint'],
    host: 'localhost',
  },
  'addresses, with one name in all certificates': {
    certificate: 'service',
    args: [],
    host: '127.0.0.1',
    servername: 'cache.example',
  },
} as const;

eachLocalRedis('a cluster of %s that speaks TLS only', (implementation) => {
  const kinds = Object.entries(KINDS);
  describe.each(EVERYWHERE || implementation === 'redis' ? kinds : kinds.slice(0, 1))(
    'and whose nodes tell of %s',
    (_, kind) => {
      let cluster: RedisCluster;
      const opened: TestSink[] = [];

      beforeAll(async () => {
        const tls = tlsOf(directory, kind.certificate);
        cluster = await startRedisCluster({ implementation, tls, args: kind.args, spares: 1 });
      });
      afterEach(async () => {
        await Promise.all(opened.splice(0).map(async ({ connection }) => connection.close()));
      });
      afterAll(async () => {
        await cluster?.destroy();
      });

      const addressOf = ({ port }: RedisServer): string => `${kind.host}:${port}`;
      // Not by a client for clusters: that of the tests does not bear nodes without an address.
      const store = async (keys: readonly string[]): Promise<void> => {
        for (const key of keys) await cluster.call(await cluster.ownerOf(keySlot(key)), 'SET', key, 'value');
      };
      const open = (tls: Partial<NonNullable<RedisClusterOptions['tls']>>): TestSink => {
        const servername = 'servername' in kind ? { servername: kind.servername } : {};
        const options = { tls: { rejectUnauthorized: true, ca, ...servername, ...tls } };
        const sink = openClusterSink({ addresses: cluster.masters.map(addressOf) }, options);
        opened.push(sink);
        return sink;
      };

      test('keys of all nodes are deleted, and rights probed, each node verified', async () => {
        const keys = numberedKeys(60);
        await store(keys);
        const { sink, connection, lines } = open({});
        await connection.checkReady(10_000);
        expect(await connection.probe(deletesOnly(keys))).toBe('permitted');
        expect(await applyOnce(sink, [...deletesOf(keys.slice(0, 30)), scopeOf('user:*')])).toEqual(
          durable(30, 30),
        );
        expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
      });

      test('keys on their way to a node without slots are found there, and it is one node', async () => {
        const keys = numberedKeys(20, '{way}:');
        const { sink, connection, lines } = open({});
        await connection.checkReady(10_000);
        await store(keys);
        const migration = await cluster.beginMigration(keySlot('{way}:0'), cluster.spares[0]!);
        await migration.move(...keys.slice(0, 10));
        expect(await applyOnce(sink, [scopeOf('{way}:*')])).toEqual(durable(0, 20));
        await migration.end();
        await store(keys);
        expect(await applyOnce(sink, deletesOf(keys))).toEqual(durable(20));
        expect(connection.nodes()).toHaveLength(4);
        expect(lines.filter(({ level }) => level !== 'info')).toEqual([]);
      });

      test('another authority and another name are refused, with a reason that may pass', async () => {
        for (const tls of [{ ca: otherCa }, { servername: 'other.example' }])
          await expect(
            open(tls).connection.checkReady(300),
            JSON.stringify(Object.keys(tls)),
          ).rejects.toMatchObject({
            code: 'UNSTALE_REDIS_TLS',
            message: expect.stringMatching(/certificate|altnames/),
          });
      });
    },
  );
});
