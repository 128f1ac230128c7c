import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { openLanguageLoad } from '../support/language-load.ts';
import { drained } from '../support/load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { anyMysql } from '../support/mysql-servers.ts';

const ROWS = 240;
const KILLS = 5;

describe.each(anyMysql())('a storm of changes on $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess | undefined;

  beforeEach(async () => {
    shop = await openShop(server, inject('servers').redis.url);
  });
  afterEach(async () => {
    await daemon?.kill();
    daemon = undefined;
    await shop.close();
  });

  const start = async (config: Record<string, unknown>): Promise<DaemonProcess> => {
    daemon = await startDaemon(config);
    await daemon.ready();
    return daemon;
  };
  const keys = Array.from({ length: ROWS }, (_, index) => `user:${index + 1}`);
  /** Changes all users in one transaction. */
  const storm = async (): Promise<void> => {
    await shop.cache(...keys);
    await shop.db.query(`INSERT INTO users (id) VALUES ${keys.map((_, index) => `(${index + 1})`).join()}`);
  };
  const delayed = async (running: DaemonProcess): Promise<number> =>
    (await running.metrics()).sum('unstale_deletes_delayed');

  it('is delayed by the limit of a rule, other rules are not, and a stop in between loses nothing', async () => {
    const { name } = shop.db;
    const config = shop.config({
      rest: {
        rules: [
          { table: `${name}.users`, key: shop.key('user:{id}'), max_deletes_per_second: 80 },
          { table: `${name}.fence`, key: shop.key('fence:{id}') },
        ],
      },
    });
    const first = await start(config);
    await storm();
    await eventually(
      'deletes wait',
      () => delayed(first),
      (count) => count > 0,
    );
    await shop.settled();
    const limited = ({ max_deletes_per_second: rate }: Readonly<Record<string, unknown>>): boolean =>
      rate === 80;
    expect(await first.logged('the limit', limited)).toMatchObject({ rule: 'rules[0]' });
    expect(await first.stop()).toEqual({ code: 0, signal: null });
    // It did not send what waited, and has not stored a position behind it.
    const left = await shop.cached(keys);
    expect(left.length).toBeGreaterThan(0);

    const second = await start(config);
    await drained(shop, second);
    expect(await shop.cached(keys)).toEqual([]);
    expect(await delayed(second)).toBe(0);
    const ends = second.logs.filter(limited);
    expect(ends.length).toBeGreaterThan(0);
  });

  it('is delayed by the limit of the daemon, and nothing is dropped', async () => {
    const running = await start(shop.config({ rest: { max_deletes_per_second: 120 } }));
    await storm();
    await drained(shop, running);
    expect(await shop.cached(keys)).toEqual([]);
    await running.logged('the limit', ({ max_deletes_per_second: rate }) => rate === 120);
  });

  it('loses nothing over SIGKILLs, with lookups, sets, generations, an outbox and limits', async () => {
    const load = await openLanguageLoad(shop, { maxDeletesPerSecond: 60 });
    const config = {
      ...shop.config({ rest: { rules: load.rules, max_deletes_per_second: 400 } }),
      batch: { in_flight: 2, max_commands: 50 },
    };
    let running = await start(config);
    for (let kill = 0; kill < KILLS; kill += 1) {
      const writing = load.more(30);
      // The moment has to be random, so it cannot be an event.
      await sleep(Math.random() * 250);
      await running.kill();
      await writing;
      daemon = running = await startDaemon(config);
      if (kill % 2 === 0) await running.ready();
    }
    await running.ready();
    await drained(shop, running, 60_000);
    expect(await load.lost()).toEqual([]);
    expect(await load.removedWrongly()).toEqual([]);
    expect((await running.metrics()).sum('unstale_lookup_total', { result: 'failed' })).toBe(0);
  });
});
