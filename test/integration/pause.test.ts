import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { runCli } from '../support/cli.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained, leftOver, startLoad } from '../support/load.ts';
import { act, statusOf } from '../support/operate.ts';
import { reconfigure, reload } from '../support/reconfigure.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const { redis } = inject('servers');

describe.each(inject('servers').mysql)('a daemon that is paused, the source is $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeEach(async () => {
    shop = await openShop(server, redis.url, { inFlight: 2 });
    daemon = await startDaemon(shop.config({ source: { max_buffered_bytes: '64KiB' } }));
    await daemon.ready();
  });
  afterEach(async () => {
    await daemon.kill();
    await shop.close();
  });

  /** Commands that Redis has executed. */
  const commands = async (): Promise<number> => (await daemon.metrics()).sum('unstale_commands_total');
  const quiet = (): Promise<unknown> => {
    let last = -1;
    return eventually(
      'nothing more is applied',
      async () => {
        const now = await commands();
        const same = now === last;
        last = now;
        return same;
      },
      Boolean,
      { intervalMs: 100 },
    );
  };

  it('applies nothing, holds the binlog back, says so, and goes on where it was: nothing is lost', async () => {
    const load = startLoad(shop);
    await load.more(200);
    const paused = await act(daemon, '/pause');
    expect(paused).toMatchObject({ status: 200, body: { result: 'paused', since: expect.any(String) } });
    expect(await act(daemon, '/pause')).toEqual(paused);
    await quiet();
    const before = await commands();
    await load.more(1000);
    // More than is read ahead.
    await eventually(
      'the binlog is held back',
      async () => (await statusOf(daemon))['paused'] === true,
      Boolean,
      {
        timeoutMs: 20_000,
      },
    );
    await load.stop();
    expect(await commands()).toBe(before);
    // As the server does when it could not send for an hour.
    const dumps = await shop.db.query(
      "SELECT ID AS id FROM information_schema.PROCESSLIST WHERE USER = ? AND COMMAND LIKE 'Binlog Dump%'",
      [shop.db.account.user],
    );
    expect(dumps).toHaveLength(1);
    await shop.db.query(`KILL ${Number(dumps[0]?.['id'])}`);
    const status = await statusOf(daemon);
    expect(status).toMatchObject({ state: 'running', paused_by_operator: true, ready: false });
    expect(Number(status['in_flight_bytes'])).toBeLessThan(512 * 1024);
    const ready = await daemon.request('/readyz');
    expect(ready.status).toBe(503);
    expect(await ready.json()).toMatchObject({
      reasons: expect.arrayContaining([expect.stringMatching(/^Paused by the operator since /)]),
    });
    const metrics = await daemon.metrics();
    expect(metrics.sum('unstale_paused_seconds_total')).toBeGreaterThan(0);
    expect(metrics.sum('unstale_lag_seconds')).toBeGreaterThan(0);

    expect(await act(daemon, '/resume')).toMatchObject({ status: 200, body: { result: 'running' } });
    expect(await act(daemon, '/resume')).toMatchObject({ status: 200 });
    await drained(shop, daemon, 60_000);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
    expect(await statusOf(daemon)).toMatchObject({ paused_by_operator: false, ready: true });
  });

  it('stays so through a reload and a rewind, stops in order, and the next start repeats what was not applied', async () => {
    const paused = await runCli(['pause', '-c', daemon.configFile]);
    expect(paused).toMatchObject({ code: 0, stderr: '', stdout: expect.stringMatching(/^paused since /) });
    const load = startLoad(shop);
    await load.more(200);
    await reconfigure(daemon, {
      rules: [
        { table: `${shop.db.name}.users`, key: shop.key('user:{id}') },
        { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
      ],
    });
    expect(await reload(daemon)).toMatchObject({ status: 200, body: { result: 'applied' } });
    expect(await act(daemon, '/position/rewind?by=1ms')).toMatchObject({ status: 200 });
    await load.more(200);
    await load.stop();
    expect(await commands()).toBe(0);
    expect(await statusOf(daemon)).toMatchObject({ paused_by_operator: true });
    expect(await daemon.stop()).toEqual({ code: 0, signal: null });
    expect(await leftOver(shop, 1, load.committed)).toHaveLength(load.committed);
    daemon = await startDaemon(shop.config());
    await daemon.ready();
    await drained(shop, daemon, 60_000);
    expect(await leftOver(shop, 1, load.committed)).toEqual([]);
  });
});
