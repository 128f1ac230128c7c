import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';

import { startMysqlServer } from '../support/provider.ts';
import type { TestMysqlServer } from '../support/provider.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained } from '../support/load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const FLAVOURS = [...new Set(inject('servers').mysql.map(({ flavour }) => flavour))];

/** Runs on one connection, so that session settings hold. */
async function inSession(shop: Shop, ...statements: string[]): Promise<void> {
  const connection = await shop.db.pool.getConnection();
  try {
    for (const statement of statements) await connection.query(statement);
  } finally {
    // Not given back: its settings must not reach other tests.
    connection.destroy();
  }
}

// A server of its own: several tests change global settings.
describe.each(FLAVOURS)('the binlog formats of %s', (flavour) => {
  let server: TestMysqlServer;
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    server = await startMysqlServer({ flavour });
    shop = await openShop(server, inject('servers').redis.url);
    daemon = await startDaemon(shop.config());
    await daemon.ready();
  });

  afterAll(async () => {
    await daemon?.stop();
    await shop?.close();
    await server?.destroy();
  });

  const invalidations = async (): Promise<number> =>
    (await daemon.metrics()).sum('unstale_scope_invalidations_total');

  describe.runIf(flavour === 'mysql')('of MySQL', () => {
    it('a compressed transaction removes the keys of its rows and no others', async () => {
      await shop.cache('user:1', 'user:2', 'user:by-email:a@x', 'user:by-email:b@x', 'item:1:1');
      await inSession(
        shop,
        'SET SESSION binlog_transaction_compression = ON',
        "INSERT INTO users VALUES (1, 'a@x', 'Ann')",
        "UPDATE users SET email = 'b@x' WHERE id = 1",
      );
      await shop.settled();
      expect(
        await shop.cached(['user:1', 'user:2', 'user:by-email:a@x', 'user:by-email:b@x', 'item:1:1']),
      ).toEqual(['user:2', 'item:1:1']);
      expect(await invalidations()).toBe(0);
    });

    it('a compressed transaction of 20,000 rows and a row of 2 MB removes every key, in slices', async () => {
      const lines = Array.from({ length: 20_000 }, (_, index) => index + 1);
      await shop.db.query('CREATE TABLE bodies (order_id INT PRIMARY KEY, body LONGTEXT)');
      await shop.cache(...lines.map((line) => `item:7:${line}`), 'item:8:1', 'item:9:1');
      await inSession(
        shop,
        'SET SESSION binlog_transaction_compression = ON',
        'BEGIN',
        `INSERT INTO order_items VALUES ${lines.map((line) => `(7,${line},'x')`).join(',')}`,
        "INSERT INTO bodies VALUES (1, REPEAT('x', 2000000))",
        "INSERT INTO order_items VALUES (8, 1, 'y')",
        'COMMIT',
      );
      await shop.settled();
      expect(await shop.cached([...lines.map((line) => `item:7:${line}`), 'item:8:1', 'item:9:1'])).toEqual([
        'item:9:1',
      ]);
    });

    it('a partial JSON update removes the keys of its rows', async () => {
      await shop.db.query('CREATE TABLE docs (a JSON, id INT PRIMARY KEY, b JSON, tail VARCHAR(20), c JSON)');
      const daemon = await startDaemon(
        shop.config({
          rest: {
            client_id: `${shop.db.name}docs`,
            rules: [
              { table: `${shop.db.name}.docs`, keys: [shop.key('doc:{id}'), shop.key('doc-tail:{tail}')] },
              { table: `${shop.db.name}.users`, key: shop.key('user:{id}') },
              { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
            ],
          },
        }),
      );
      try {
        await daemon.ready();
        const body = `{"x": 1, "text": "${'t'.repeat(200)}"}`;
        await shop.db.query(`INSERT INTO docs VALUES ('${body}', 1, '${body}', 'one', '${body}')`);
        await shop.db.query(`INSERT INTO docs VALUES ('${body}', 2, NULL, 'two', '${body}')`);
        await shop.db.query("INSERT INTO users VALUES (51, NULL, 'Eve')");
        await drained(shop, daemon);
        const all = ['doc:1', 'doc:2', 'doc:3', 'doc-tail:one', 'doc-tail:two', 'doc-tail:new', 'user:51'];
        await shop.cache(...all, 'doc-tail:zzz');
        await inSession(
          shop,
          "SET SESSION binlog_row_value_options = 'PARTIAL_JSON'",
          "UPDATE docs SET a = JSON_SET(a, '$.x', 2), c = JSON_REPLACE(c, '$.x', 3), tail = 'new' WHERE id = 1",
          "UPDATE docs SET a = JSON_SET(a, '$.x', 2) WHERE id = 2",
          "UPDATE users SET name = 'Adam' WHERE id = 51",
        );
        // Two daemons follow the shop; the fence tells nothing of this one.
        await eventually(
          'the keys of the changed rows are gone, and no others',
          () => shop.cached([...all, 'doc-tail:zzz']),
          (left) => left.join() === 'doc:3,doc-tail:zzz',
        );
        expect((await daemon.metrics()).sum('unstale_scope_invalidations_total')).toBe(0);
      } finally {
        await daemon.stop();
      }
    });

    it('transactions with tagged GTIDs are followed, and resumed behind', async () => {
      await shop.cache('user:61', 'user:62', 'user:63');
      await inSession(
        shop,
        "SET gtid_next = 'AUTOMATIC:audit'",
        "INSERT INTO users VALUES (61, NULL, 'Ann')",
      );
      await shop.settled();
      expect(await shop.cached(['user:61', 'user:62', 'user:63'])).toEqual(['user:62', 'user:63']);
      await daemon.stop();
      await inSession(
        shop,
        "SET gtid_next = 'AUTOMATIC:audit'",
        "INSERT INTO users VALUES (62, NULL, 'Bob')",
      );
      await shop.db.query('FLUSH BINARY LOGS');
      daemon = await startDaemon(shop.config());
      await daemon.ready();
      await shop.settled();
      expect(await shop.cached(['user:61', 'user:62', 'user:63'])).toEqual(['user:63']);
      await daemon.stop();
      const [stored] = await shop.db.query(
        `SELECT gtid_set AS gtids FROM ${shop.db.stateDatabase}.positions`,
      );
      expect(stored?.['gtids']).toMatch(/:audit:1-2$/);
      daemon = await startDaemon(shop.config());
      await daemon.ready();
    });
  });

  it('an XA transaction removes its keys when it commits, not when it is prepared', async () => {
    await shop.cache('user:71', 'user:72');
    const connection = await shop.db.pool.getConnection();
    try {
      for (const statement of [
        "XA START 'shop', 'b1', 3",
        "INSERT INTO users VALUES (71, NULL, 'Ann')",
        "XA END 'shop', 'b1', 3",
        "XA PREPARE 'shop', 'b1', 3",
      ])
        await connection.query(statement);
    } finally {
      connection.destroy();
    }
    await shop.settled();
    expect(await shop.cached(['user:71', 'user:72'])).toEqual(['user:71', 'user:72']);
    await inSession(shop, "XA COMMIT 'shop', 'b1', 3");
    await shop.settled();
    expect(await shop.cached(['user:71', 'user:72'])).toEqual(['user:72']);
    expect(await invalidations()).toBe(0);
  });

  it('an XA transaction that is rolled back, and one of a single phase', async () => {
    await shop.cache('user:81', 'user:82', 'user:83');
    await inSession(
      shop,
      "XA START 'r'",
      "INSERT INTO users VALUES (81, NULL, 'Ann')",
      "XA END 'r'",
      "XA PREPARE 'r'",
      "XA ROLLBACK 'r'",
      "XA START 'o'",
      "INSERT INTO users VALUES (82, NULL, 'Ann')",
      "XA END 'o'",
      "XA COMMIT 'o' ONE PHASE",
    );
    await shop.settled();
    expect(await shop.cached(['user:81', 'user:82', 'user:83'])).toEqual(['user:81', 'user:83']);
    expect(await invalidations()).toBe(0);
  });

  it('an XA transaction that was prepared before the daemon was killed removes its keys when it commits after', async () => {
    await shop.cache('user:91', 'user:92');
    await inSession(
      shop,
      "XA START 'late'",
      "INSERT INTO users VALUES (91, NULL, 'Ann')",
      "XA END 'late'",
      "XA PREPARE 'late'",
    );
    await shop.settled();
    await daemon.kill();
    await shop.db.query('FLUSH BINARY LOGS');
    daemon = await startDaemon(shop.config());
    await daemon.ready();
    await shop.settled();
    expect(await shop.cached(['user:91', 'user:92'])).toEqual(['user:91', 'user:92']);
    await daemon.kill();
    await inSession(shop, "XA COMMIT 'late'");
    daemon = await startDaemon(shop.config());
    await daemon.ready();
    // Resumed before the PREPARE, it also repeats the fence of that time, which therefore tells nothing.
    await eventually(
      'the key of the transaction is gone, and no other',
      () => shop.cached(['user:91', 'user:92']),
      (left) => left.join() === 'user:92',
    );
    expect(await invalidations()).toBe(0);
  });

  it('an XA transaction that was prepared before the daemon first began removes every scope when it commits', async () => {
    await inSession(
      shop,
      "XA START 'unseen'",
      "INSERT INTO users VALUES (95, NULL, 'Ann')",
      "XA END 'unseen'",
      "XA PREPARE 'unseen'",
    );
    const other = await startDaemon(shop.config({ rest: { client_id: `${shop.db.name}late` } }));
    try {
      await other.ready();
      await daemon.stop();
      await shop.cache('user:95', 'item:95:1');
      await inSession(shop, "XA COMMIT 'unseen'");
      await eventually(
        'every key that a rule can produce is gone',
        () => shop.cached(['user:95', 'item:95:1']),
        (left) => left.length === 0,
      );
    } finally {
      await other.stop();
      daemon = await startDaemon(shop.config());
      await daemon.ready();
    }
  });

  it('the checksum of events may be switched off and on while the daemon reads', async () => {
    const connects = (await daemon.metrics()).sum('unstale_binlog_connects_total');
    for (const [index, setting] of ['NONE', 'CRC32', 'NONE', 'CRC32'].entries()) {
      await shop.db.query(`SET GLOBAL binlog_checksum = ${setting}`);
      await shop.cache(`user:${100 + index}`, 'user:200');
      await shop.db.query(`INSERT INTO users VALUES (${100 + index}, NULL, 'Ann')`);
      await shop.settled();
      expect(await shop.cached([`user:${100 + index}`, 'user:200'])).toEqual(['user:200']);
    }
    expect((await daemon.metrics()).sum('unstale_binlog_connects_total')).toBe(connects);
  });
});
