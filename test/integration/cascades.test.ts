import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { installedMysqlFlavours } from '../../scripts/servers/installed.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { startMysqlServer } from '../support/provider.ts';
import type { TestMysqlServer } from '../support/provider.ts';
import { drained } from '../support/load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const TABLES = [
  'CREATE TABLE customers (id INT PRIMARY KEY, name VARCHAR(20) UNIQUE)',
  `CREATE TABLE orders (id INT PRIMARY KEY, customer_id INT,
     FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE)`,
  `CREATE TABLE invoices (id INT PRIMARY KEY, customer_id INT,
     FOREIGN KEY (customer_id) REFERENCES customers (id) ON DELETE SET NULL ON UPDATE SET NULL)`,
  `CREATE TABLE parcels (id INT PRIMARY KEY, order_id INT,
     FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE)`,
  `CREATE TABLE aliases (name VARCHAR(20) PRIMARY KEY,
     FOREIGN KEY (name) REFERENCES customers (name) ON DELETE CASCADE)`,
  `CREATE TABLE accounts (id INT PRIMARY KEY,
     FOREIGN KEY (id) REFERENCES customers (id) ON DELETE CASCADE ON UPDATE CASCADE)`,
  `CREATE TABLE logins (no INT PRIMARY KEY, account_id INT,
     FOREIGN KEY (account_id) REFERENCES accounts (id) ON DELETE CASCADE ON UPDATE CASCADE)`,
  `CREATE TABLE folders (id INT PRIMARY KEY, parent_id INT,
     FOREIGN KEY (parent_id) REFERENCES folders (id) ON DELETE CASCADE)`,
  'CREATE TABLE late_parents (id INT PRIMARY KEY)',
  'CREATE TABLE late_children (id INT PRIMARY KEY, parent_id INT)',
  'INSERT INTO customers VALUES (1, "Ann"), (2, "Bob"), (3, "Cid")',
  'INSERT INTO orders VALUES (11, 1), (12, 1), (21, 2)',
  'INSERT INTO invoices VALUES (11, 1), (21, 2)',
  'INSERT INTO parcels VALUES (111, 11), (211, 21)',
  'INSERT INTO aliases VALUES ("ann"), ("bob")',
  'INSERT INTO accounts VALUES (1), (2)',
  'INSERT INTO logins VALUES (1, 1), (2, 2)',
  'INSERT INTO folders VALUES (1, NULL), (2, 1), (3, 2), (4, NULL), (5, 4)',
  'INSERT INTO late_parents VALUES (1), (2)',
  'INSERT INTO late_children VALUES (11, 1), (21, 2)',
];

interface Case {
  readonly behaviour: string;
  readonly statement: string;
  readonly removed: readonly string[];
  readonly kept: readonly string[];
}

const CASES: readonly Case[] = [
  {
    behaviour: 'ON DELETE CASCADE removes the keys that follow from the parent, and no others of the child',
    statement: 'DELETE FROM customers WHERE id = 1',
    removed: ['orders-of:1'],
    kept: ['orders-of:2', 'folder:1'],
  },
  {
    behaviour: 'ON DELETE CASCADE removes the scope of a template that does not follow from the parent',
    statement: 'DELETE FROM orders WHERE id = 11',
    removed: ['parcel:111', 'parcel:211', 'orders-of:1'],
    kept: ['orders-of:2', 'invoices-of:1'],
  },
  {
    behaviour: 'ON DELETE SET NULL removes the key that the child had',
    statement: 'DELETE FROM customers WHERE id = 2',
    removed: ['invoices-of:2'],
    kept: ['invoices-of:1'],
  },
  {
    behaviour: 'ON UPDATE CASCADE removes the key that the child had and the one that it gets',
    statement: 'UPDATE customers SET id = 9 WHERE id = 1',
    removed: ['orders-of:1', 'orders-of:9'],
    kept: ['orders-of:2'],
  },
  {
    behaviour: 'ON UPDATE SET NULL removes the key that the child had',
    statement: 'UPDATE customers SET id = 9 WHERE id = 1',
    removed: ['invoices-of:1'],
    kept: ['invoices-of:2', 'invoices-of:9'],
  },
  {
    behaviour: 'an update of columns that no foreign key refers to brings nothing about',
    statement: 'UPDATE orders SET customer_id = 3 WHERE id = 21',
    removed: ['orders-of:2', 'orders-of:3'],
    kept: ['parcel:111', 'parcel:211'],
  },
  {
    behaviour: 'two levels are followed over a table without a rule',
    statement: 'DELETE FROM customers WHERE id = 1',
    removed: ['logins-of:1'],
    kept: ['logins-of:2'],
  },
  {
    behaviour: 'REPLACE of a parent is a deletion to its children',
    statement: 'REPLACE INTO customers VALUES (1, "Ann")',
    removed: ['orders-of:1', 'invoices-of:1', 'logins-of:1'],
    kept: ['orders-of:2', 'invoices-of:2', 'logins-of:2'],
  },
  {
    behaviour: 'a child that spells its parent in another case is found by the scope',
    statement: 'DELETE FROM customers WHERE id = 1',
    removed: ['alias:ann'],
    kept: ['orders-of:2'],
  },
  {
    behaviour: 'a table that refers to itself is followed down to the leaves',
    statement: 'DELETE FROM folders WHERE id = 1',
    removed: ['folder:1', 'folder:2', 'folder:3'],
    kept: ['orders-of:1'],
  },
  {
    behaviour: 'what is rolled back brings nothing about',
    statement: 'BEGIN; DELETE FROM customers WHERE id = 1; ROLLBACK',
    removed: [],
    kept: ['orders-of:1', 'parcel:111'],
  },
];

describe.each(await installedMysqlFlavours())('foreign keys that %s does not log', (flavour) => {
  let server: TestMysqlServer;
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    const args = flavour === 'mysql' ? ['--innodb-native-foreign-keys=ON'] : [];
    server = await startMysqlServer({ flavour, args });
  });
  afterAll(async () => server?.destroy());

  const open = async (): Promise<void> => {
    shop = await openShop(server, inject('servers').redis.url);
    for (const statement of TABLES) await shop.db.query(statement);
    const rule = (table: string, key: string): object => ({
      table: `${shop.db.name}.${table}`,
      key: shop.key(key),
    });
    daemon = await startDaemon(
      shop.config({
        rest: {
          rules: [
            rule('orders', 'orders-of:{customer_id}'),
            rule('invoices', 'invoices-of:{customer_id}'),
            rule('parcels', 'parcel:{id}'),
            rule('aliases', 'alias:{name}'),
            rule('logins', 'logins-of:{account_id}'),
            rule('folders', 'folder:{id}'),
            rule('late_children', 'late-of:{parent_id}'),
            rule('fence', 'fence:{id}'),
          ],
        },
      }),
    );
    await daemon.ready();
  };
  const close = async (): Promise<void> => {
    await daemon?.stop();
    await shop?.close();
  };
  const run = async (statements: string): Promise<void> => {
    const connection = await shop.db.pool.getConnection();
    try {
      for (const statement of statements.split('; ')) await connection.query(statement);
    } finally {
      connection.release();
    }
  };

  it.each(CASES)('$behaviour', async ({ statement, removed, kept }) => {
    await open();
    try {
      await shop.cache(...removed, ...kept);
      await run(statement);
      await drained(shop, daemon);
      // Scopes are worked off behind the keys of a batch.
      await eventually(
        'the keys are gone',
        () => shop.cached(removed),
        (left) => left.length === 0,
      );
      expect(await shop.cached(kept)).toEqual(kept);
    } finally {
      await close();
    }
  });

  it('are followed from the statement on that adds them while the daemon runs', async () => {
    await open();
    try {
      await shop.cache('late-of:1', 'late-of:2');
      await run('DELETE FROM late_parents WHERE id = 1');
      await drained(shop, daemon);
      expect(await shop.cached(['late-of:1', 'late-of:2'])).toEqual(['late-of:1', 'late-of:2']);
      await run(
        'DELETE FROM late_children WHERE parent_id = 1; ' +
          'ALTER TABLE late_children ADD FOREIGN KEY (parent_id) REFERENCES late_parents (id) ON DELETE CASCADE',
      );
      // The child that was deleted takes its key with it, and must not take the one that is cached now.
      await drained(shop, daemon);
      await shop.cache('late-of:1', 'late-of:2', 'late-of:3');
      await run(
        'INSERT INTO late_parents VALUES (3); INSERT INTO late_children VALUES (31, 3); DELETE FROM late_parents WHERE id = 2',
      );
      await drained(shop, daemon);
      expect(await shop.cached(['late-of:1', 'late-of:2', 'late-of:3'])).toEqual(['late-of:1']);
    } finally {
      await close();
    }
  });

  it('are followed where they are gone again before the daemon sees the statement that added them', async () => {
    await open();
    try {
      await shop.cache('late-of:1', 'late-of:2');
      daemon.signal('SIGSTOP');
      await run(
        'ALTER TABLE late_children ADD CONSTRAINT f FOREIGN KEY (parent_id) REFERENCES late_parents (id) ON DELETE CASCADE',
      );
      // The statement itself empties nothing: it changes no row.
      await run('DELETE FROM late_parents WHERE id = 1; ALTER TABLE late_children DROP FOREIGN KEY f');
      daemon.signal('SIGCONT');
      await drained(shop, daemon);
      await eventually(
        'the keys are gone',
        () => shop.cached(['late-of:1']),
        (left) => left.length === 0,
      );
    } finally {
      await close();
    }
  });
});
