import { once } from 'node:events';

import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest';

import { shortPatience } from '../../scripts/servers/redis-cluster.ts';
import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisServer } from '../../scripts/servers/redis-server.ts';
import type { RedisConnectionOptions } from '../../src/redis/client.ts';
import { eachLocalRedis } from '../support/local-redis.ts';
import { createCertificates, tlsOf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import {
  applyUntilDurable,
  deletesOf,
  deletesOnly,
  fill,
  numberedKeys,
  openSink,
} from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';

let directory: string;
let ca: string;
let otherCa: string;

beforeAll(async () => {
  ({ directory, ca, otherCa } = await createCertificates({ address: 'IP:127.0.0.1', name: 'DNS:localhost' }));
});

eachLocalRedis('sentinels and servers of %s that speak TLS only', (implementation) => {
  describe.each([
    ['addresses', 'address', '127.0.0.1', {}],
    ['hostnames', 'name', 'localhost', { hostname: 'localhost' }],
  ])('and are known by their %s', (_, certificateName, host, options) => {
    let redis: RedisSentinels;
    const opened: TestSink[] = [];

    beforeAll(async () => {
      redis = await startRedisSentinels({
        implementation,
        tls: tlsOf(directory, certificateName),
        ...options,
      });
    });
    afterEach(async () => {
      await Promise.all(opened.splice(0).map(async ({ connection }) => connection.close()));
    });
    afterAll(async () => redis?.destroy());

    const open = (tls: Partial<NonNullable<RedisConnectionOptions['tls']>> = {}): TestSink => {
      const nodes = redis.sentinels.map(({ port }) => ({ host, port }));
      const sink = openSink({
        port: 1,
        sentinel: { name: redis.name, nodes },
        tls: { rejectUnauthorized: true, ca, ...tls },
      });
      opened.push(sink);
      return sink;
    };
    /** Deletes keys by way of the sink, and says how many are left on the server. */
    const deleteOn = async (server: RedisServer, { sink }: TestSink): Promise<number> => {
      const client = shortPatience(server);
      const keys = numberedKeys(10);
      try {
        await fill(client, keys);
        await applyUntilDurable(sink, deletesOf(keys));
        return await client.exists(...keys);
      } finally {
        client.disconnect();
      }
    };

    test('deletes on the master, and makes one new session at a failover, however late a sentinel tells of it', async () => {
      const sink = open();
      const { connection, lines } = sink;
      await connection.checkReady(5_000);
      expect(await connection.probe(deletesOnly(numberedKeys(3)))).toBe('permitted');
      const first = await redis.master();
      expect(await deleteOn(first, sink)).toBe(0);

      const late = redis.sentinels[2]!;
      const listener = shortPatience(late);
      await listener.subscribe('+switch-master');
      const told = once(listener, 'message');
      late.freeze();
      try {
        const asked = shortPatience(redis.sentinels[0]!);
        await asked.call('SENTINEL', 'FAILOVER', redis.name);
        asked.disconnect();
        const next = await eventually(
          'the other is master',
          () => redis.master(),
          (master) => master !== first,
        );
        expect(await deleteOn(next, sink)).toBe(0);
        expect(connection.sessions()).toBe(2);
        late.thaw();
        await told;
        expect(await deleteOn(next, sink)).toBe(0);
      } finally {
        late.thaw();
        listener.disconnect();
      }
      expect(connection.sessions()).toBe(2);
      expect(lines.filter(({ message }) => message.includes('name another master'))).toHaveLength(1);
    });

    test('another authority and another name are refused by the sentinels, with a reason that may pass', async () => {
      for (const tls of [{ ca: otherCa }, { servername: 'other.example' }])
        await expect(open(tls).connection.checkReady(300), String(Object.keys(tls))).rejects.toMatchObject({
          code: 'UNSTALE_REDIS_TLS',
          message: expect.stringMatching(/certificate|altnames/),
        });
    });
  });
});
