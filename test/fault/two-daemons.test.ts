import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const servers = inject('servers');
const ROWS = 20;
const ROUNDS = 30;

// Adversarial case 13: nothing keeps a second daemon from running; versions keep it from doing harm.
describe.each(servers.mysql)('two daemons with the same rules, the source is $label', (server) => {
  let shop: Shop;
  let daemons: readonly DaemonProcess[] = [];

  beforeEach(async () => {
    shop = await openShop(server, servers.redis.url);
    await shop.db.query(
      'CREATE TABLE products (id INT PRIMARY KEY, n INT NOT NULL, v BIGINT UNSIGNED NOT NULL)',
    );
    const products = `${shop.db.name}.products`;
    const rules = [
      { table: products, key: shop.key('d:{id}'), guard: 'version', version: { column: 'v' } },
      {
        table: products,
        key: shop.key('u:{id}'),
        action: 'update',
        version: { column: 'v' },
        value: { format: 'string', columns: ['n'] },
        ttl: '10m',
        create: true,
      },
    ];
    daemons = await Promise.all(
      [1, 2].map(async (number) =>
        startDaemon(shop.config({ rest: { client_id: `${shop.db.name}-${number}`, rules } })),
      ),
    );
    await Promise.all(daemons.map(async (daemon) => daemon.ready()));
  });
  afterEach(async () => {
    for (const daemon of daemons) {
      daemon.signal('SIGCONT');
      await daemon.kill();
    }
    await shop.close();
  });

  it('leave no older value when one was paused and goes on with what it had read', async () => {
    const [, paused] = daemons;
    const ids = Array.from({ length: ROWS }, (_, index) => index + 1);
    await shop.db.query(`INSERT INTO products VALUES ${ids.map((id) => `(${id}, 0, 1)`).join(',')}`);
    const values = async (): Promise<(string | null)[]> =>
      shop.redis.mget(...ids.map((id) => shop.key(`u:${id}`)));
    await eventually('the first values', values, (all) => all.every((value) => value === '0'));

    for (let round = 1; round <= ROUNDS; round += 1) {
      if (round === 5) paused?.signal('SIGSTOP');
      if (round === ROUNDS) {
        await eventually('the other one is done', values, (all) =>
          all.every((value) => value === `${round - 1}`),
        );
        paused?.signal('SIGCONT');
      }
      await shop.db.query('UPDATE products SET n = ?, v = v + 1', [round]);
    }
    for (const daemon of daemons) {
      await eventually(
        'all changes are applied',
        async () => (await daemon.metrics()).sum('unstale_row_changes_total', { op: 'update' }),
        (count) => count === ROWS * ROUNDS,
      );
      await eventually(
        'nothing is in flight',
        async () => (await daemon.metrics()).sum('unstale_in_flight_bytes'),
        (bytes) => bytes === 0,
      );
    }
    expect((await values()).filter((value) => value !== null && value !== `${ROUNDS}`)).toEqual([]);
    expect(await shop.redis.exists(...ids.map((id) => shop.key(`d:${id}`)))).toBe(0);
  });
});
