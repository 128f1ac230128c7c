import { readFile } from 'node:fs/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { parse } from 'yaml';
import { lockName } from '../../src/state/lock-name.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { endMembers, leaderOf, leaderStatus, repeated, startMembers } from '../support/leaders.ts';
import type { Member } from '../support/leaders.ts';
import { drained, leftOver, startLoad } from '../support/load.ts';
import { binlogConnects, isReady } from '../support/outage.ts';
import { reconfigure, reload } from '../support/reconfigure.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const servers = inject('servers');

describe.each(servers.mysql)('leadership without a failure, the source is $label', (server) => {
  let shop: Shop;
  let members: Member[] = [];

  beforeEach(async () => {
    shop = await openShop(server, servers.redis.url, { inFlight: 2 });
  });
  afterEach(async () => {
    await endMembers(members.splice(0));
    await shop.close();
  });

  it('goes on at once when the leader is stopped, with nothing repeated, and under the rules that a standby was given', async () => {
    members = await startMembers(shop, 2);
    const [first, second] = [members[0]!, members[1]!];
    expect(await leaderStatus(second.daemon)).toMatchObject({
      state: 'standby',
      lease: { holder: expect.stringMatching(new RegExp(`:${first.daemon.pid}$`)), fencing_token: 1 },
    });
    expect((await first.daemon.metrics()).sum('unstale_leader')).toBe(1);
    expect((await second.daemon.metrics()).sum('unstale_leader')).toBe(0);
    expect(second.daemon.output()).toMatch(/standing by: \S+ leads/);

    await reconfigure(second.daemon, { rules: 'none' });
    expect((await reload(second.daemon)).status).toBe(422);
    const config: unknown = parse(await readFile(second.daemon.configFile, 'utf8'));
    expect(config).toMatchObject({ rules: 'none' });
    const rules = [
      { table: `${shop.db.name}.users`, key: shop.key('user:{id}') },
      { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
      { table: `${shop.db.name}.visits`, key: shop.key('seen:{id}') },
    ];
    await reconfigure(second.daemon, { rules });
    expect(await reload(second.daemon, '?invalidate=true')).toMatchObject({
      status: 200,
      body: { result: 'applied', invalidated: [] },
    });

    const load = startLoad(shop);
    await load.more(300);
    const began = performance.now();
    first.daemon.signal('SIGTERM');
    const [after] = await Promise.all([leaderOf([second]), first.daemon.exited]);
    console.log(`SIGTERM: another leads after ${Math.round(performance.now() - began)} ms`);
    expect(await first.daemon.exited).toEqual({ code: 0, signal: null });
    await load.more(300);
    await load.stop();
    await shop.cache('seen:1');
    await shop.db.query('INSERT INTO visits (id) VALUES (1)');
    await drained(shop, after.daemon);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    expect(await shop.cached(['seen:1'])).toEqual([]);
    expect(await repeated(after)).toBe(0);
    expect((await after.daemon.stop()).code).toBe(0);
  });

  it('stays where it is when only the connection of the lock is killed, or its server is away for a while', async () => {
    const url = new URL(shop.db.url);
    const way = await startTcpProxy({ port: Number(url.port) });
    url.port = String(way.port);
    const daemon: DaemonProcess = await startDaemon(
      shop.config({ state: { url: url.href, lease_timeout: '2s' } }),
    );
    try {
      await daemon.ready();
      const load = startLoad(shop);
      await load.more(200);
      const lock = lockName(shop.db.stateDatabase, shop.db.name);
      for (let round = 1; round <= 3; round += 1) {
        // As after a failover of the state server to a replica that was behind.
        if (round === 3) await shop.db.query(`DELETE FROM ${shop.db.stateDatabase}.leases`);
        const [row] = await shop.db.query('SELECT IS_USED_LOCK(?) AS holder', [lock]);
        await shop.db.query(`KILL ${Number(row?.['holder'])}`);
        await eventually(
          'it leads again',
          () => daemon.logs.filter(({ msg }) => String(msg).startsWith('leading again')).length,
          (times) => times === round,
        );
        await load.more(100);
      }

      way.refuse();
      await eventually('it applies nothing', async () =>
        (await (await daemon.request('/readyz')).text()).includes('nothing is applied'),
      );
      expect(await leaderStatus(daemon)).toMatchObject({ leader: false, lease: { valid_for_ms: 0 } });
      await shop.cache('user:1000001');
      await shop.db.query('INSERT INTO users (id) VALUES (1000001)');
      await load.more(200);
      expect(await shop.cached(['user:1000001'])).toEqual(['user:1000001']);
      way.thaw();
      await eventually('it is ready again', () => isReady(daemon));
      await load.stop();
      await drained(shop, daemon);
      expect(await shop.cached(['user:1000001'])).toEqual([]);
      expect(await leftOver(shop, 1, load.committed)).toEqual([]);
      expect(await binlogConnects(daemon)).toBe(1);
      expect(await leaderStatus(daemon)).toMatchObject({ leader: true, lease: { fencing_token: 1 } });
      expect((await daemon.stop()).code).toBe(0);
    } finally {
      await daemon.kill();
      await way.close();
    }
  });
});
