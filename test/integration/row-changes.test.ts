import { Readable } from 'node:stream';
import { createPool } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

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
    await shop.settled();
    expect(await shop.cached([...removed, ...kept])).toEqual(kept);
  });

  it('LOAD DATA removes the keys of every row that it loaded', async () => {
    await emptied();
    await shop.db.query('SET GLOBAL local_infile = 1');
    const url = new URL(server.rootUrl);
    const pool = createPool({
      host: url.hostname,
      port: Number(url.port),
      user: decodeURIComponent(url.username),
      password: decodeURIComponent(url.password),
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

  it('DML that a session logs as a statement removes every key of the tables that it names', async () => {
    await emptied();
    await shop.db.query("INSERT INTO users VALUES (1, 'a@x', 'Ann')");
    await shop.settled();
    await shop.cache('user:1', 'user:2', 'user:by-email:a@x', 'item:1:1');
    const connection = await shop.db.pool.getConnection();
    try {
      await connection.query('SET SESSION binlog_format = STATEMENT');
      await connection.query("UPDATE users SET name = 'Zed' WHERE id = 1");
      await connection.query('SET SESSION binlog_format = ROW');
    } finally {
      connection.release();
    }
    await shop.settled();
    expect(await shop.cached(['user:1', 'user:2', 'user:by-email:a@x', 'item:1:1'])).toEqual(['item:1:1']);
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
    await shop.settled();
    expect(await shop.cached(['user:1', 'user:by-email:a@x', 'user:by-email:b@x', 'item:1:1'])).toEqual([
      'item:1:1',
    ]);
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
