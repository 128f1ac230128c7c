import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

/** A condition as a rule has it, and as SQL has it. */
const CONDITIONS: readonly (readonly [where: object, sql: string])[] = [
  [{ status: 'active' }, "status = 'active'"],
  [{ status: ['active', 'trial'] }, "status IN ('active', 'trial')"],
  [{ status: { not: 'active' } }, "status <> 'active' OR status IS NULL"],
  [{ size: 'm' }, "size = 'm'"],
  [{ age: { gte: '18', lt: '65' } }, 'age >= 18 AND age < 65'],
  [{ big: '18446744073709551615' }, 'big = 18446744073709551615'],
  [{ big: { gt: '9007199254740992' } }, 'big > 9007199254740992'],
  [{ price: '18.5' }, 'price = 18.5'],
  [{ price: { lte: '-0.01' } }, 'price <= -0.01'],
  [{ day: { gte: '2026-01-31' } }, "day >= '2026-01-31'"],
  [{ moment: { lt: '2026-01-31 12:00:00' } }, "moment < '2026-01-31 12:00:00'"],
  [{ deleted: null }, 'deleted IS NULL'],
  [{ deleted: { not: null }, status: 'active' }, "deleted IS NOT NULL AND status = 'active'"],
];

const ROWS = [
  "'active', 'm', 18, 18446744073709551615, 18.50, '2026-01-31', '2026-01-31 11:59:59.999999', NULL",
  "'ACTIVE ', 's', 65, 9007199254740993, -0.01, '2026-02-01', '2026-01-31 12:00:00', '2026-01-01'",
  "'trial', 'l', 64, 9007199254740992, 0, '1999-12-31', '2030-01-01', NULL",
  'NULL, NULL, NULL, NULL, NULL, NULL, NULL, NULL',
  "'gone', 'm', -1, 0, -99999.99, '2026-01-30', '2026-01-31', '2026-01-01'",
  "'áctive', 's', 17, 1, 18.51, '2026-01-31', '2026-02-01', NULL",
];

describe.each(inject('servers').mysql)('conditions on $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    shop = await openShop(server, inject('servers').redis.url);
    await shop.db.query(
      `CREATE TABLE judged (id INT PRIMARY KEY, status VARCHAR(20), size ENUM('s','m','l'), age INT, big BIGINT UNSIGNED,
       price DECIMAL(7,2), day DATE, moment DATETIME(6), deleted DATE) CHARACTER SET utf8mb4`,
    );
    await shop.db.query(
      'CREATE TABLE members (id INT PRIMARY KEY, email VARCHAR(40), visits INT, status VARCHAR(20))',
    );
    daemon = await startDaemon(
      shop.config({
        rest: {
          rules: [
            ...CONDITIONS.map(([where], index) => ({
              table: `${shop.db.name}.judged`,
              key: shop.key(`c${index}:{id}`),
              where,
            })),
            {
              table: `${shop.db.name}.members`,
              key: shop.key('email:{email}'),
              when: { changed: ['email'] },
            },
            {
              table: `${shop.db.name}.members`,
              key: shop.key('published:{id}'),
              where: { old: { status: 'draft' }, new: { status: 'published' } },
            },
            {
              table: `${shop.db.name}.members`,
              key: shop.key('live:{email}'),
              where: { status: 'published' },
            },
            { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
          ],
        },
      }),
    );
    await daemon.ready();
  });

  afterAll(async () => {
    await daemon?.stop();
    await shop?.close();
  });

  it('every row that MySQL finds by a condition passes it, and rows that clearly differ do not', async () => {
    for (const [id, row] of ROWS.entries()) await shop.db.query(`INSERT INTO judged VALUES (${id}, ${row})`);
    await shop.settled();
    const keys = CONDITIONS.flatMap((_, index) => ROWS.map((_, id) => `c${index}:${id}`));
    await shop.cache(...keys);
    const found: string[] = [];
    for (const [index, [, sql]] of CONDITIONS.entries()) {
      const rows = await shop.db.query(`SELECT id FROM judged WHERE ${sql}`);
      found.push(...rows.map((row) => `c${index}:${String(row['id'])}`));
    }
    await shop.db.query('DELETE FROM judged');
    await shop.settled();
    const kept = await shop.cached(keys);
    expect(found.length).toBeGreaterThan(CONDITIONS.length);
    expect(kept.filter((key) => found.includes(key))).toEqual([]);
    // What a collation or a type leaves open passes; everything else is told apart.
    expect(kept.length).toBeGreaterThanOrEqual(keys.length - found.length - 6);
  });

  it('a rule on changed columns leaves updates of other columns alone', async () => {
    await shop.db.query("INSERT INTO members VALUES (1, 'a@x', 0, 'draft')");
    await shop.settled();
    await shop.cache('email:a@x', 'email:b@x');
    await shop.db.query('UPDATE members SET visits = 1 WHERE id = 1');
    await shop.settled();
    expect(await shop.cached(['email:a@x', 'email:b@x'])).toHaveLength(2);
    await shop.db.query("UPDATE members SET email = 'b@x' WHERE id = 1");
    await shop.settled();
    expect(await shop.cached(['email:a@x', 'email:b@x'])).toEqual([]);
  });

  it('a row that leaves the condition removes the key that it had', async () => {
    await shop.db.query("INSERT INTO members VALUES (2, 'c@x', 0, 'draft')");
    await shop.settled();
    await shop.cache('published:2', 'live:c@x', 'live:d@x');
    await shop.db.query('UPDATE members SET visits = 2 WHERE id = 2');
    await shop.settled();
    expect(await shop.cached(['published:2', 'live:c@x'])).toHaveLength(2);
    await shop.db.query("UPDATE members SET status = 'published' WHERE id = 2");
    await shop.settled();
    expect(await shop.cached(['published:2', 'live:c@x'])).toEqual([]);
    await shop.cache('published:2', 'live:c@x');
    await shop.db.query("UPDATE members SET status = 'hidden', email = 'd@x' WHERE id = 2");
    await shop.settled();
    expect(await shop.cached(['published:2', 'live:c@x', 'live:d@x'])).toEqual(['published:2']);
  });
});
