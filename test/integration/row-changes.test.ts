import { Readable } from 'node:stream';
import { createPool } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained } from '../support/load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';
import { rootCredentials } from '../support/database.ts';

interface Case {
  readonly behaviour: string;
  /** Rows that exist before; their changes are worked off before the keys are cached. */
  readonly given?: readonly string[];
  readonly statements: readonly string[];
  readonly removed: readonly string[];
  readonly kept?: readonly string[];
}

const CASES: readonly Case[] = [
  {
    behaviour: 'an INSERT removes the keys of each new row, where "not found" may be cached',
    statements: ["INSERT INTO users VALUES (1, 'a@x', 'Ann'), (2, NULL, 'Bob')"],
    removed: ['user:1', 'user:2', 'user:by-email:a@x'],
    kept: ['user:3', 'user:by-email:NULL', 'user:by-email:null', 'user:by-email:'],
  },
  {
    behaviour: 'INSERT .. SELECT removes the keys of every row that it wrote',
    given: ["INSERT INTO users VALUES (1, 'a@x', ''), (2, 'b@x', '')"],
    statements: ["INSERT INTO users SELECT id + 10, CONCAT(email, '.copy'), name FROM users"],
    removed: ['user:11', 'user:12', 'user:by-email:a@x.copy'],
    kept: ['user:1', 'user:2'],
  },
  {
    behaviour: 'an UPDATE of a key column removes the old and the new key',
    given: ["INSERT INTO users VALUES (1, 'old@x', 'Ann')"],
    statements: ["UPDATE users SET email = 'new@x' WHERE id = 1"],
    removed: ['user:1', 'user:by-email:old@x', 'user:by-email:new@x'],
    kept: ['user:by-email:other@x'],
  },
  {
    behaviour: 'an UPDATE of the primary key removes both identities',
    given: ["INSERT INTO users VALUES (1, 'a@x', 'Ann')"],
    statements: ['UPDATE users SET id = 100 WHERE id = 1'],
    removed: ['user:1', 'user:100', 'user:by-email:a@x'],
  },
  {
    behaviour: 'an UPDATE that changes nothing removes nothing',
    given: ["INSERT INTO users VALUES (1, 'a@x', 'Ann')"],
    statements: ["UPDATE users SET name = 'Ann' WHERE id = 1"],
    removed: [],
    kept: ['user:1', 'user:by-email:a@x'],
  },
  {
    behaviour: 'a DELETE removes the keys of the row that is gone',
    given: ["INSERT INTO users VALUES (1, 'a@x', 'Ann'), (2, 'b@x', 'Bob')"],
    statements: ['DELETE FROM users WHERE id = 1'],
    removed: ['user:1', 'user:by-email:a@x'],
    kept: ['user:2', 'user:by-email:b@x'],
  },
  {
    behaviour: 'a REPLACE that collides on a unique column removes the keys of the row that it displaces',
    given: ["INSERT INTO users VALUES (1, 'a@x', 'Ann'), (2, 'b@x', 'Bob')"],
    statements: ["REPLACE INTO users VALUES (3, 'a@x', 'Cid')"],
    removed: ['user:1', 'user:3', 'user:by-email:a@x'],
    kept: ['user:2'],
  },
  {
    behaviour: 'a REPLACE that collides with two rows removes the keys of both',
    given: ["INSERT INTO users VALUES (1, 'a@x', 'Ann'), (2, 'b@x', 'Bob')"],
    statements: ["REPLACE INTO users VALUES (1, 'b@x', 'Ann')"],
    removed: ['user:1', 'user:2', 'user:by-email:a@x', 'user:by-email:b@x'],
  },
  {
    behaviour: 'INSERT .. ON DUPLICATE KEY UPDATE removes the keys of the row that it updated',
    given: ["INSERT INTO users VALUES (1, 'a@x', 'Ann')"],
    statements: ["INSERT INTO users VALUES (1, 'z@x', 'Zed') ON DUPLICATE KEY UPDATE email = 'c@x'"],
    removed: ['user:1', 'user:by-email:a@x', 'user:by-email:c@x'],
    kept: ['user:by-email:z@x'],
  },
  {
    behaviour: 'a multi-table UPDATE removes the keys of the rows of both tables',
    given: ["INSERT INTO users VALUES (1, 'a@x', 'Ann')", "INSERT INTO profiles VALUES (1, 'x')"],
    statements: [
      "UPDATE users u JOIN profiles p ON p.user_id = u.id SET u.name = 'B', p.bio = 'y' WHERE u.id = 1",
    ],
    removed: ['user:1', 'profile:1'],
  },
  {
    behaviour: 'a multi-table DELETE removes the keys of the rows of both tables',
    given: ["INSERT INTO users VALUES (1, 'a@x', 'Ann')", "INSERT INTO profiles VALUES (1, 'x')"],
    statements: ['DELETE p, u FROM profiles p JOIN users u ON p.user_id = u.id WHERE u.id = 1'],
    removed: ['user:1', 'profile:1', 'user:by-email:a@x'],
  },
  {
    behaviour: 'rows that a trigger writes are followed',
    given: [
      'CREATE TRIGGER audit AFTER INSERT ON users FOR EACH ROW INSERT INTO order_items VALUES (NEW.id, 1, NEW.name)',
    ],
    statements: ["INSERT INTO users VALUES (5, 'a@x', 'Ann')", 'DROP TRIGGER audit'],
    removed: ['user:5', 'item:5:1'],
  },
  {
    behaviour: 'composite keys are separated: (1,23) and (12,3) are two keys',
    statements: ["INSERT INTO order_items VALUES (1, 23, 'a')"],
    removed: ['item:1:23'],
    kept: ['item:12:3'],
  },
  {
    behaviour: 'a rolled-back transaction removes nothing',
    statements: ['BEGIN', "INSERT INTO users VALUES (1, 'a@x', 'Ann')", 'ROLLBACK'],
    removed: [],
    kept: ['user:1', 'user:by-email:a@x'],
  },
  {
    behaviour: 'rows undone by ROLLBACK TO SAVEPOINT remove nothing, the others of the transaction do',
    statements: [
      'BEGIN',
      "INSERT INTO users VALUES (1, 'a@x', 'Ann')",
      'SAVEPOINT s',
      "INSERT INTO users VALUES (2, 'b@x', 'Bob')",
      'ROLLBACK TO s',
      "INSERT INTO users VALUES (3, 'c@x', 'Cid')",
      'COMMIT',
    ],
    removed: ['user:1', 'user:3'],
    kept: ['user:2', 'user:by-email:b@x'],
  },
  {
    behaviour: 'a table without transactions is followed, even when the client rolls back',
    statements: ['BEGIN', 'INSERT INTO visits VALUES (7, 1)', 'ROLLBACK'],
    removed: ['visit:7'],
  },
  {
    behaviour: 'TRUNCATE removes every key of the table and no other',
    given: ["INSERT INTO order_items VALUES (1, 1, 'a'), (1, 2, 'b')"],
    statements: ['TRUNCATE TABLE order_items'],
    removed: ['item:1:1', 'item:1:2', 'item:99:99'],
    kept: ['user:1', 'profile:1'],
  },
  {
    behaviour: 'a column that is added or moved does not shift the values of the key columns',
    given: ["INSERT INTO users VALUES (1, 'a@x', 'Ann')"],
    statements: [
      "ALTER TABLE users ADD COLUMN nick VARCHAR(20) DEFAULT 'n' FIRST",
      "UPDATE users SET name = 'B' WHERE id = 1",
      'ALTER TABLE users DROP COLUMN nick',
    ],
    removed: ['user:1', 'user:by-email:a@x'],
    kept: ['item:1:1'],
  },
  {
    behaviour: 'ids beyond 2^53 keep every digit',
    statements: ["INSERT INTO users VALUES (18446744073709551615, 'a@x', ''), (9007199254740993, 'b@x', '')"],
    removed: ['user:18446744073709551615', 'user:9007199254740993'],
    kept: ['user:9007199254740992', 'user:18446744073709552000'],
  },
  {
    behaviour: 'changes of tables without a rule remove nothing',
    statements: [
      'INSERT INTO unmapped VALUES (1, 1)',
      'CREATE TABLE copy_of AS SELECT * FROM unmapped',
      'DROP TABLE copy_of',
    ],
    removed: [],
    kept: ['user:1', 'item:1:1', 'visit:1'],
  },
];

describe.each(inject('servers').mysql)('row changes of $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    shop = await openShop(server, inject('servers').redis.url);
    daemon = await startDaemon(shop.config());
    await daemon.ready();
  });

  afterAll(async () => {
    await daemon?.stop();
    await shop?.close();
  });

  const emptied = async (): Promise<void> => {
    for (const table of ['profiles', 'users', 'order_items', 'visits', 'unmapped']) {
      await shop.db.query(`DELETE FROM ${table}`);
    }
    await shop.settled();
  };

  it.each(CASES)('$behaviour', async ({ given = [], statements, removed, kept = [] }) => {
    await emptied();
    const connection = await shop.db.pool.getConnection();
    try {
      for (const statement of given) await connection.query(statement);
      await shop.settled();
      await shop.cache(...removed, ...kept);
      for (const statement of statements) await connection.query(statement);
    } finally {
      connection.release();
    }
    // A scope takes longer than the delete behind it.
    await drained(shop, daemon);
    expect(await shop.cached([...removed, ...kept])).toEqual(kept);
  });

  it('LOAD DATA removes the keys of every row that it loaded', async () => {
    await emptied();
    await shop.db.query('SET GLOBAL local_infile = 1');
    const pool = createPool({
      ...rootCredentials(server),
      database: shop.db.name,
      flags: ['+LOCAL_FILES'],
    });
    try {
      await shop.cache('user:1', 'user:2', 'user:3');
      await pool.query({
        sql: "LOAD DATA LOCAL INFILE 'rows' INTO TABLE users",
        infileStreamFactory: () => Readable.from([Buffer.from('1\ta@x\tAnn\n2\tb@x\tBob\n')]),
      });
    } finally {
      await pool.end();
    }
    await shop.settled();
    expect(await shop.cached(['user:1', 'user:2', 'user:3'])).toEqual(['user:3']);
  });

  it.runIf(server.flavour === 'mysql')('rows deleted by a foreign key cascade are followed', async () => {
    await emptied();
    await shop.db.query("INSERT INTO users VALUES (1, 'a@x', 'Ann')");
    await shop.db.query("INSERT INTO profiles VALUES (1, 'bio')");
    await shop.settled();
    await shop.cache('user:1', 'profile:1', 'profile:2');
    await shop.db.query('DELETE FROM users WHERE id = 1');
    await shop.settled();
    expect(await shop.cached(['user:1', 'profile:1', 'profile:2'])).toEqual(['profile:2']);
  });

  it('a row image without a key column removes the whole scope instead of guessing', async () => {
    await emptied();
    await shop.db.query("INSERT INTO users VALUES (1, 'a@x', 'Ann'), (2, 'b@x', 'Bob')");
    await shop.settled();
    await shop.cache('user:1', 'user:2', 'user:by-email:a@x', 'user:by-email:b@x', 'item:1:1');
    const connection = await shop.db.pool.getConnection();
    try {
      await connection.query("SET SESSION binlog_row_image = 'MINIMAL'");
      await connection.query("UPDATE users SET name = 'Zed' WHERE id = 1");
      await connection.query("SET SESSION binlog_row_image = 'FULL'");
    } finally {
      connection.release();
    }
    await drained(shop, daemon);
    expect(await shop.cached(['user:1', 'user:by-email:a@x', 'user:by-email:b@x', 'item:1:1'])).toEqual([
      'item:1:1',
    ]);
  });

  it('columns that no rule needs are passed over, whatever their type', async () => {
    const odd = [
      'j JSON, f FLOAT, d DOUBLE, b BIT(13), g GEOMETRY, p POINT, bl BLOB, lb LONGBLOB, bi BINARY(20), vb VARBINARY(300)',
      'dt DATETIME(3), ts TIMESTAMP(5) NULL, t TIME(1), y YEAR, s SET("a","b"), e ENUM("x","y"), n DECIMAL(30,10)',
      server.flavour === 'mysql' ? 'v VECTOR(3)' : 'u UUID, i4 INET4, i6 INET6, c VARCHAR(100) COMPRESSED',
    ].join(', ');
    await shop.db.query(`CREATE TABLE odd (${odd}, id INT PRIMARY KEY, tail VARCHAR(20))`);
    const daemon = await startDaemon(
      shop.config({
        rest: {
          client_id: `${shop.db.name}odd`,
          rules: [
            { table: `${shop.db.name}.odd`, keys: [shop.key('odd:{id}'), shop.key('odd-tail:{tail}')] },
            { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
          ],
        },
      }),
    );
    try {
      await daemon.ready();
      await shop.cache('odd:1', 'odd:2', 'odd:3', 'odd-tail:end', 'odd-tail:other');
      await shop.db.query(
        `INSERT INTO odd (j, f, d, b, g, p, bl, lb, bi, vb, dt, ts, t, y, s, e, n, ${server.flavour === 'mysql' ? 'v' : 'u, i4, i6, c'}, id, tail)
         VALUES ('{"a": [1, 2, "x"]}', 1.5, 2.5, b'1010', ST_GeomFromText('LINESTRING(0 0,1 1)'), ST_GeomFromText('POINT(1 2)'),
           REPEAT('b', 300), REPEAT('l', 70000), 'bin', REPEAT('v', 280), '2024-01-01 00:00:00.123', '2024-01-01 00:00:00.12345',
           '-01:02:03.4', 2024, 'a,b', 'y', -123.456,
           ${server.flavour === 'mysql' ? "STRING_TO_VECTOR('[1,2,3]')" : "UUID(), '1.2.3.4', '::1', REPEAT('c', 90)"}, 1, 'end')`,
      );
      await shop.db.query("INSERT INTO odd (id, tail) VALUES (2, 'end')");
      const all = ['odd:1', 'odd:2', 'odd:3', 'odd-tail:end', 'odd-tail:other'];
      const onlyOthersLeft = (left: readonly string[]): boolean => left.join() === 'odd:3,odd-tail:other';
      await eventually(
        'the keys of the new rows are gone, and no others',
        () => shop.cached(all),
        onlyOthersLeft,
      );
      await shop.cache('odd:1', 'odd-tail:end');
      await shop.db.query('UPDATE odd SET f = 9, tail = NULL WHERE id = 1');
      await eventually(
        'the keys of the changed row are gone, and no others',
        () => shop.cached(all),
        onlyOthersLeft,
      );
      expect((await daemon.metrics()).sum('unstale_scope_invalidations_total')).toBe(0);
    } finally {
      await daemon.stop();
    }
  });

  it.runIf(server.flavour === 'mysql')(
    'a row of 20 MB, over many packets, does not hide the key behind it',
    async () => {
      await shop.db.query('CREATE TABLE bulky (body LONGTEXT, id INT PRIMARY KEY)');
      const daemon = await startDaemon(
        shop.config({
          rest: {
            client_id: `${shop.db.name}bulky`,
            rules: [{ table: `${shop.db.name}.bulky`, key: shop.key('bulky:{id}') }],
          },
        }),
      );
      try {
        await daemon.ready();
        await shop.cache('bulky:1', 'bulky:2');
        await shop.db.query("INSERT INTO bulky VALUES (REPEAT('x', 20000000), 1)");
        await eventually(
          'the key is gone',
          () => shop.cached(['bulky:1', 'bulky:2']),
          (left) => left.join() === 'bulky:2',
        );
      } finally {
        await daemon.stop();
      }
    },
  );

  it.runIf(server.flavour === 'mariadb')('compressed columns and a compressed binlog are read', async () => {
    await emptied();
    await shop.db.query('CREATE TABLE packed (id INT PRIMARY KEY, name VARCHAR(200) COMPRESSED)');
    const daemon = await startDaemon(
      shop.config({
        rest: {
          client_id: `${shop.db.name}packed`,
          rules: [
            { table: `${shop.db.name}.packed`, key: shop.key('packed:{id}:{name}') },
            { table: `${shop.db.name}.order_items`, key: shop.key('line:{order_id}:{line_no}') },
          ],
        },
      }),
    );
    try {
      await daemon.ready();
      const long = 'n'.repeat(150);
      const lines = Array.from({ length: 200 }, (_, index) => `line:5:${index}`);
      await shop.cache(`packed:1:${long}`, 'packed:2:x', 'packed:3:', ...lines, 'line:5:999');
      await shop.db.query(`INSERT INTO packed VALUES (1, '${long}'), (2, 'x'), (3, '')`);
      await shop.db.query('SET GLOBAL log_bin_compress = ON');
      await shop.db.query(
        `INSERT INTO order_items VALUES ${lines.map((_, index) => `(5,${index},'sku')`).join(',')}`,
      );
      await eventually(
        'every key is gone',
        () => shop.cached([`packed:1:${long}`, 'packed:2:x', 'packed:3:', ...lines, 'line:5:999']),
        (left) => left.join() === 'line:5:999',
      );
    } finally {
      await shop.db.query('SET GLOBAL log_bin_compress = OFF');
      await daemon.stop();
    }
  });

  it('a transaction of 20,000 rows removes every key, in slices', async () => {
    await emptied();
    const ids = Array.from({ length: 20_000 }, (_, index) => index + 1);
    await shop.cache(...ids.map((id) => `item:7:${id}`));
    await shop.db.query(`INSERT INTO order_items VALUES ${ids.map((id) => `(7,${id},'x')`).join(',')}`);
    await shop.settled();
    expect(await shop.cached(ids.map((id) => `item:7:${id}`))).toEqual([]);
  });
});
