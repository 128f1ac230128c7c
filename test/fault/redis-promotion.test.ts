import { afterEach, expect, test } from 'vitest';

import { startRedisServer } from '../../scripts/servers/redis-server.ts';
import type { DatasetChange } from '../../src/redis/dataset-watch.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { eventually } from '../support/eventually.ts';
import {
  applyOnce,
  applyUntilDurable,
  batchOf,
  deletesOf,
  fill,
  openSink,
  scopeOf,
  testClient,
} from '../support/redis-sink.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

test.skipIf(!hasLocalRedis)(
  'a replica that an address leads to before it is promoted is other data once it is, without any command',
  async () => {
    const args = ['--repl-diskless-sync-delay', '0'];
    const [master, replica] = [await startRedisServer({ args }), await startRedisServer({ args })];
    closers.push(
      () => master.destroy(),
      () => replica.destroy(),
    );
    const client = testClient(replica.port);
    closers.push(() => client.disconnect());
    await client.replicaof(master.host, master.port);
    await eventually('it has the data', async () =>
      (await client.info('replication')).includes('master_link_status:up'),
    );
    const proxy = await startTcpProxy({ port: master.port });
    closers.push(() => proxy.close());
    const { connection } = openSink({ port: proxy.port });
    closers.push(() => connection.close());
    const changes: DatasetChange[] = [];
    const known: boolean[] = [];
    connection.onDatasetChange((change) => {
      changes.push(change);
      known.push(connection.isKnown());
    });
    await connection.checkReady(5_000);
    await eventually('its data is known', () => connection.isKnown());

    await master.kill();
    proxy.redirect({ port: replica.port });
    await eventually('it is there', () => connection.sessions() > 1 && connection.isReachable());
    // The answer to it comes behind the one that says that this is a replica.
    await connection.info();
    expect(connection.isKnown()).toBe(false);
    await client.replicaof('NO', 'ONE');
    await eventually('it is reported', () => changes.length > 0, Boolean, { timeoutMs: 5_000 });
    expect(changes).toHaveLength(1);
    // What it acknowledges says nothing of the data before, until everybody knows that it is other data.
    expect(known).toEqual([false]);
    expect(connection.isKnown()).toBe(true);
  },
);

test.skipIf(!hasLocalRedis)(
  'a master that becomes a replica while a batch waits for replicas fails the batch for now, and not for good',
  async () => {
    const args = ['--repl-diskless-sync-delay', '0'];
    const [master, other] = [await startRedisServer({ args }), await startRedisServer({ args })];
    closers.push(
      () => master.destroy(),
      () => other.destroy(),
    );
    const client = testClient(master.port);
    closers.push(() => client.disconnect());
    const { sink, connection } = openSink({ port: master.port, waitReplicas: 1, commandTimeout: 5_000 });
    closers.push(() => connection.close());
    await connection.checkReady(5_000);

    await fill(client, ['a']);
    const result = applyOnce(sink, deletesOf(['a']));
    await eventually('it waits', async () => (await client.info('clients')).includes('blocked_clients:1'));
    await client.replicaof(other.host, other.port);
    expect(await result).toMatchObject({ outcome: 'retryable', error: { code: 'UNSTALE_REDIS_READONLY' } });
  },
);

test.skipIf(!hasLocalRedis)(
  'a scope that was removed is not looked for again as long as only replicas are behind, but is in another session',
  async () => {
    const args = ['--repl-diskless-sync-delay', '0'];
    const [master, replica] = [await startRedisServer({ args }), await startRedisServer({ args })];
    closers.push(
      () => master.destroy(),
      () => replica.destroy(),
    );
    const [client, other] = [testClient(master.port), testClient(replica.port)];
    closers.push(
      () => client.disconnect(),
      () => other.disconnect(),
    );
    await other.replicaof(master.host, master.port);
    await eventually('it has the data', async () =>
      (await other.info('replication')).includes('master_link_status:up'),
    );
    const { sink, connection } = openSink({ port: master.port, waitReplicas: 1, commandTimeout: 1_000 });
    closers.push(() => connection.close());
    await connection.checkReady(5_000);
    const batch = batchOf([scopeOf('user:*')]);
    const apply = async (): Promise<unknown> => sink.apply(batch, new AbortController().signal);
    const scans = async (): Promise<number> =>
      Number(/cmdstat_scan:calls=(\d+)/.exec(await client.info('commandstats'))?.[1]);

    await fill(client, ['user:1']);
    replica.freeze();
    expect(await apply()).toMatchObject({ outcome: 'retryable', error: { code: 'UNSTALE_REDIS_REPLICAS' } });
    const before = await scans();
    expect(await apply()).toMatchObject({ outcome: 'retryable', error: { code: 'UNSTALE_REDIS_REPLICAS' } });
    expect(await scans()).toBe(before);
    replica.thaw();
    const session = connection.sessions();
    await client.call('CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes');
    await eventually(
      'there is another session',
      () => connection.isReachable() && connection.sessions() > session,
    );
    await fill(client, ['user:2']);
    await applyUntilDurable(sink, batch);
    expect(await client.exists('user:2')).toBe(0);
    // And when it is sent once more behind that.
    await fill(client, ['user:3']);
    await applyUntilDurable(sink, batch);
    expect(await client.exists('user:3')).toBe(0);
  },
);
