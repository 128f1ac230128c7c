import { afterEach, expect, test } from 'vitest';

import { installedRedisImplementations } from '../../scripts/servers/installed.ts';
import { startRedisServer } from '../../scripts/servers/redis-server.ts';
import type { DatasetChange } from '../../src/redis/dataset-watch.ts';
import { eventually } from '../support/eventually.ts';
import { openSink, testClient } from '../support/redis-sink.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

// Local processes: containers do not reach each other by 127.0.0.1.
const isInstalled = (await installedRedisImplementations()).includes('redis');

const closers: (() => unknown)[] = [];

afterEach(async () => {
  for (const close of closers.splice(0).toReversed()) await close();
});

test.skipIf(!isInstalled)(
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
