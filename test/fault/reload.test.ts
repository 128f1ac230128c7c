import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained, leftOver, startLoad } from '../support/load.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { reconfigure, reload } from '../support/reconfigure.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';
import type { TcpProxy } from '../support/tcp-proxy.ts';
import { anyMysql } from '../support/mysql-servers.ts';

describe.each(anyMysql())('a reload under load, the source is $label', (server) => {
  let redis: TestRedisServer;
  let proxy: TcpProxy;
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeEach(async () => {
    redis = await startRedisServer();
    proxy = await startTcpProxy({ port: redis.port });
    shop = await openShop(server, redis.url, { inFlight: 2 });
    daemon = await startDaemon(shop.config({ redis: { url: `redis://127.0.0.1:${proxy.port}` } }));
    await daemon.ready();
  });

  afterEach(async () => {
    await daemon.kill();
    await proxy.close();
    await shop.close();
    await redis.destroy();
  });

  const rules = (users: object): object[] => [
    { table: `${shop.db.name}.users`, ...users },
    { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
  ];
  /** All of them produce `user:{id}`. */
  const variants = [
    { key: 'user:{id}' },
    { keys: ['user:{id}', 'name:{name}'] },
    { keys: ['user:{id}'], lookup: true },
    { keys: ['user:{id}'], max_deletes_per_second: 500 },
  ].map((fields) => (name: (rest: string) => string) => {
    if ('lookup' in fields)
      return { lookup: `SELECT id FROM ${shop.db.name}.users WHERE id = :id`, key: name('user:{lookup.id}') };
    if ('key' in fields) return { key: name(fields.key ?? '') };
    return { ...fields, keys: fields.keys.map(name) };
  });

  it('loses nothing, whichever rules follow each other and however it is asked for', async () => {
    const load = startLoad(shop);
    for (let round = 0; round < variants.length; round += 1) {
      await load.more(300);
      const variant = variants[round];
      if (variant === undefined) throw new Error('no variant');
      await reconfigure(daemon, { rules: rules(variant((rest) => shop.key(rest))) });
      if (round % 2 === 0) {
        expect(await reload(daemon)).toMatchObject({ status: 200, body: { result: 'applied' } });
        continue;
      }
      const before = daemon.logs.length;
      daemon.signal('SIGHUP');
      await eventually(
        'the signal has reloaded it',
        () => daemon.logs.slice(before).some((line) => String(line['msg']).includes('reloaded and in force')),
        Boolean,
      );
    }
    await load.more(300);
    await load.stop();
    await drained(shop, daemon, 60_000);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    expect(await (await daemon.request('/readyz')).json()).toMatchObject({ status: 'ok' });
  });

  it('waits while Redis is away, is in force afterwards, and loses nothing', async () => {
    const load = startLoad(shop);
    await load.more(300);
    proxy.refuse();
    await eventually(
      'the daemon has noticed',
      async () => (await daemon.request('/readyz')).status,
      (status) => status !== 200,
    );
    await load.more(300);
    await reconfigure(daemon, {
      rules: [
        ...rules({ key: shop.key('user:{id}') }),
        { table: `${shop.db.name}.unmapped`, key: shop.key('new:{id}') },
      ],
    });
    daemon.signal('SIGHUP');
    await load.more(300);
    proxy.thaw();
    await daemon.logged(
      'it is reloaded',
      (line) => String(line['msg']).includes('reloaded and in force'),
      30_000,
    );
    await shop.cache('new:1');
    await shop.db.query('INSERT INTO unmapped (id) VALUES (1)');
    await load.more(300);
    await load.stop();
    await drained(shop, daemon, 60_000);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    expect(await shop.cached(['new:1'])).toEqual([]);
  });

  it('waits however long Redis is away, says so, and is not refused for it', async () => {
    await daemon.kill();
    const redisConfig = { url: `redis://127.0.0.1:${proxy.port}`, connect_timeout: '200ms' };
    daemon = await startDaemon(shop.config({ redis: redisConfig }));
    await daemon.ready();
    proxy.refuse();
    await eventually(
      'the daemon has noticed',
      async () => (await daemon.request('/readyz')).status,
      (status) => status !== 200,
    );
    await reconfigure(daemon, { rules: rules({ key: shop.key('user:{id}') }) });
    daemon.signal('SIGHUP');
    await daemon.logged('Redis was asked for longer than connecting may take', (line) =>
      String(line['msg']).includes('the reload waits'),
    );
    expect(await daemon.status()).toMatchObject({ reloading: true });
    proxy.thaw();
    await daemon.logged('it is reloaded', (line) => String(line['msg']).includes('reloaded and in force'));
    await eventually(
      'nothing is under way',
      () => daemon.status(),
      (status) => JSON.stringify(status).includes('"reloading":false'),
    );
  });

  it('that waits for Redis does not keep the daemon from stopping, and what was open is repeated', async () => {
    const load = startLoad(shop);
    await load.more(100);
    proxy.refuse();
    await eventually(
      'the daemon has noticed',
      async () => (await daemon.request('/readyz')).status,
      (status) => status !== 200,
    );
    await reconfigure(daemon, { rules: rules({ keys: [shop.key('user:{id}'), shop.key('name:{name}')] }) });
    daemon.signal('SIGHUP');
    await load.more(100);
    await load.stop();
    const stopped = daemon.stop();
    proxy.thaw();
    expect((await stopped).signal).toBeNull();
    daemon = await startDaemon(shop.config());
    await daemon.ready();
    await drained(shop, daemon, 60_000);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
  });
});
