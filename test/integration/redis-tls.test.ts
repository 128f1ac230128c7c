import { readFile } from 'node:fs/promises';
import { join } from 'node:path';

import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

import { freePort } from '../../scripts/servers/free-port.ts';
import { shortPatience } from '../../scripts/servers/redis-cluster.ts';
import { startRedisServer } from '../../scripts/servers/redis-server.ts';
import type { RedisServer } from '../../scripts/servers/redis-server.ts';
import { UnstaleError } from '../../src/errors/unstale-error.ts';
import type { RedisConnectionOptions } from '../../src/redis/client.ts';
import { eachLocalRedis } from '../support/local-redis.ts';
import { createCertificates, tlsOf } from '../support/certificates.ts';
import { eventually } from '../support/eventually.ts';
import {
  applyOnce,
  deletesOf,
  deletesOnly,
  durable,
  fill,
  numberedKeys,
  openSink,
  testClient,
} from '../support/redis-sink.ts';
import type { TestSink } from '../support/redis-sink.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const opened: TestSink[] = [];
let directory: string;
let ca: string;
let otherCa: string;

beforeAll(async () => {
  ({ directory, ca, otherCa } = await createCertificates({
    server: 'DNS:cache.example',
    client: 'DNS:unstale',
  }));
});
afterEach(async () => {
  await Promise.all(opened.splice(0).map(async ({ connection }) => connection.close()));
});

eachLocalRedis('%s by TLS', (implementation) => {
  let server: RedisServer;
  let port: number;

  beforeAll(async () => {
    port = await freePort();
    const file = (name: string): string => join(directory, name);
    server = await startRedisServer({
      implementation,
      args: [
        ['--tls-port', String(port), '--tls-auth-clients', 'no', '--tls-ca-cert-file', file('ca.pem')],
        ['--tls-cert-file', file('server.pem'), '--tls-key-file', file('server.key')],
      ].flat(),
    });
  });
  afterAll(async () => server?.destroy());

  const open = (
    tls: Partial<NonNullable<RedisConnectionOptions['tls']>>,
    options: Partial<RedisConnectionOptions> = {},
  ): TestSink => {
    const sink = openSink({ port, tls: { rejectUnauthorized: true, ...tls }, ...options });
    opened.push(sink);
    return sink;
  };
  /** Why it does not connect. */
  const refusal = async (sink: TestSink): Promise<unknown> =>
    sink.connection.checkReady(300).then(
      () => 'connected',
      (error: unknown) => error,
    );

  test('deletes, and probes its rights, where the certificate names the host that was asked for', async () => {
    const client = testClient(server.port);
    const keys = numberedKeys(50);
    await fill(client, keys);
    client.disconnect();
    const { sink, connection } = open({ ca, servername: 'cache.example' });
    await connection.checkReady(5_000);
    expect(await connection.probe(deletesOnly(keys))).toBe('permitted');
    expect(await applyOnce(sink, deletesOf(keys))).toEqual(durable(50));
  });

  test('refuses another name, another authority and none, with a reason that may pass', async () => {
    const refused = (reason: RegExp): object => ({
      code: 'UNSTALE_REDIS_TLS',
      message: expect.stringMatching(reason),
    });
    expect(await refusal(open({ ca }))).toMatchObject(refused(/altnames|does not match/i));
    expect(await refusal(open({ ca: otherCa, servername: 'cache.example' }))).toMatchObject(
      refused(/certificate/),
    );
    expect(await refusal(open({ servername: 'cache.example' }))).toMatchObject(refused(/certificate/));
    expect(await refusal(open({ ca }, { port: server.port }))).toMatchObject({
      code: 'UNSTALE_REDIS_UNREACHABLE',
    });
  });

  test('shows its certificate to a server that wants one, and says when it has none to show', async () => {
    const strict = await startRedisServer({ implementation, tls: tlsOf(directory, 'server') });
    const client = shortPatience(strict);
    try {
      await client.config('SET', 'tls-auth-clients', 'yes');
      const own = { ca, servername: 'cache.example' };
      const without = open(own, { port: strict.port });
      // The server's alert and the end of its connection race each other; each attempt has another chance.
      await eventually(
        'the server says why',
        () => refusal(without),
        (reason) => reason instanceof UnstaleError && reason.code === 'UNSTALE_REDIS_TLS',
      );
      const cert = await readFile(join(directory, 'client.pem'), 'utf8');
      const key = await readFile(join(directory, 'client.key'), 'utf8');
      await open({ ...own, cert, key }, { port: strict.port }).connection.checkReady(5_000);
    } finally {
      client.disconnect();
      await strict.destroy();
    }
  });

  test('a connection that is closed in the middle of a handshake ends without noise, whatever the server shows', async () => {
    const proxy = await startTcpProxy({ port });
    proxy.freeze();
    try {
      const { connection } = open({ ca: otherCa }, { port: proxy.port });
      await eventually('it connects', () => proxy.connections === 1);
      const closed = connection.close();
      proxy.thaw();
      await closed;
    } finally {
      await proxy.close();
    }
  });

  test('takes any certificate if told so', async () => {
    await open({ rejectUnauthorized: false }).connection.checkReady(5_000);
  });
});
