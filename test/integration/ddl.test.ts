import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained } from '../support/load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const TABLES: Readonly<Record<string, string>> = {
  a: '(id INT PRIMARY KEY, n INT)',
  b: '(id INT PRIMARY KEY, n INT)',
  parts: `(id INT PRIMARY KEY, n INT) PARTITION BY RANGE (id)
    (PARTITION p0 VALUES LESS THAN (100), PARTITION p1 VALUES LESS THAN (200), PARTITION p2 VALUES LESS THAN (300))`,
  twin: '(id INT PRIMARY KEY, n INT)',
  plain: '(id INT PRIMARY KEY, n INT)',
  flat: '(id INT PRIMARY KEY, n INT) ENGINE = MyISAM',
  journal: '(id INT PRIMARY KEY AUTO_INCREMENT, n INT)',
};
const MAPPED = ['a', 'b', 'parts', 'twin', 'flat'];

interface Case {
  readonly behaviour: string;
  readonly on?: 'mysql' | 'mariadb';
  readonly given?: readonly string[];
  readonly statements: readonly string[];
  /** Tables all of whose keys go. */
  readonly emptied?: readonly string[];
  /** Single keys that go. */
  readonly removed?: readonly string[];
  readonly after?: readonly string[];
}

const AS_STATEMENT = 'SET SESSION binlog_format = STATEMENT';

const CASES: readonly Case[] = [
  { behaviour: 'TRUNCATE', statements: ['TRUNCATE TABLE a'], emptied: ['a'] },
  {
    behaviour: 'TRUNCATE in comments, in another case, with quotes',
    statements: ['/* a */ /*!50000 truncate */ -- b\n table # b\n `a` /* b */'],
    emptied: ['a'],
  },
  { behaviour: 'TRUNCATE of a table without transactions', statements: ['TRUNCATE flat'], emptied: ['flat'] },
  {
    behaviour: 'TRUNCATE behind SET STATEMENT',
    on: 'mariadb',
    statements: ['SET STATEMENT max_statement_time = 9 FOR TRUNCATE TABLE a'],
    emptied: ['a'],
  },
  { behaviour: 'DROP TABLE', statements: ['DROP TABLE a'], emptied: ['a'] },
  {
    behaviour: 'DROP TABLE of several, some of which do not exist',
    statements: ['DROP TABLE IF EXISTS nothing, b, journal, `a`'],
    emptied: ['a', 'b'],
  },
  {
    behaviour: 'RENAME TABLE to a name without a rule',
    statements: ['RENAME TABLE a TO away'],
    emptied: ['a'],
    after: ['DROP TABLE away'],
  },
  {
    behaviour: 'RENAME TABLE that swaps two tables',
    statements: ['RENAME TABLE a TO away, b TO a, away TO b'],
    emptied: ['a', 'b'],
  },
  {
    behaviour: 'RENAME TABLE of a table without a rule to a mapped name',
    given: ['DROP TABLE a'],
    statements: ['RENAME TABLE plain TO a'],
    emptied: ['a'],
  },
  {
    behaviour: 'ALTER TABLE .. RENAME',
    statements: ['ALTER TABLE a RENAME AS away'],
    emptied: ['a'],
    after: ['DROP TABLE away'],
  },
  {
    behaviour: 'ALTER TABLE that adds a column',
    statements: ['ALTER TABLE a ADD COLUMN c INT DEFAULT 7'],
    emptied: ['a'],
  },
  {
    behaviour: 'ALTER TABLE and CREATE INDEX that concern indexes and comments only',
    statements: [
      'ALTER TABLE a ADD INDEX by_n (n), ALGORITHM = INPLACE',
      "ALTER TABLE a COMMENT = 'TRUNCATE TABLE b', DROP INDEX by_n",
      'CREATE UNIQUE INDEX u ON a (n, id)',
      'DROP INDEX u ON a',
      'ANALYZE TABLE a',
      'OPTIMIZE TABLE b',
    ],
  },
  {
    behaviour: 'TRUNCATE PARTITION',
    statements: ['ALTER TABLE parts TRUNCATE PARTITION p0'],
    emptied: ['parts'],
  },
  {
    behaviour: 'DROP PARTITION',
    statements: ['ALTER TABLE parts DROP PARTITION p0, p1'],
    emptied: ['parts'],
  },
  {
    behaviour: 'EXCHANGE PARTITION',
    statements: ['ALTER TABLE parts EXCHANGE PARTITION p0 WITH TABLE plain'],
    emptied: ['parts'],
  },
  {
    behaviour: 'EXCHANGE PARTITION with a mapped table',
    statements: ['ALTER TABLE parts EXCHANGE PARTITION p0 WITH TABLE `twin`'],
    emptied: ['parts', 'twin'],
  },
  {
    behaviour: 'CREATE TABLE .. SELECT of another table',
    statements: [
      'CREATE TABLE away SELECT * FROM a',
      'DROP TABLE away',
      'CREATE TABLE away LIKE a',
      'DROP TABLE away',
    ],
  },
  {
    behaviour: 'CREATE TABLE .. SELECT of a mapped table, whose rows are logged',
    given: ['DROP TABLE a'],
    statements: ['CREATE TABLE a (PRIMARY KEY (id)) SELECT 1 AS id, 5 AS n'],
    removed: ['a:1'],
  },
  {
    behaviour: 'CREATE TABLE .. SELECT that is logged as a statement',
    given: ['DROP TABLE a'],
    statements: [AS_STATEMENT, 'CREATE TABLE a (PRIMARY KEY (id)) SELECT 1 AS id, 5 AS n'],
    // Since 8.0.21 MySQL logs its rows whatever the format.
    on: 'mariadb',
    emptied: MAPPED,
  },
  {
    behaviour: 'CREATE OR REPLACE TABLE',
    on: 'mariadb',
    statements: ['CREATE OR REPLACE TABLE a LIKE plain'],
    emptied: ['a'],
  },
  {
    behaviour: 'a temporary table of the same name',
    statements: [
      'CREATE TEMPORARY TABLE a (id INT)',
      'INSERT INTO a VALUES (1)',
      'TRUNCATE TABLE a',
      'DROP TEMPORARY TABLE a',
    ],
    // MariaDB and MySQL log neither TRUNCATE nor rows of it.
  },
  {
    behaviour: 'views, routines, triggers and accounts',
    statements: [
      'CREATE OR REPLACE VIEW v AS SELECT * FROM a',
      'DROP VIEW v',
      'CREATE PROCEDURE p() BEGIN TRUNCATE TABLE a; DELETE FROM b; END',
      'DROP PROCEDURE p',
      'CREATE TRIGGER t AFTER INSERT ON a FOR EACH ROW DELETE FROM b WHERE id = NEW.id',
      'DROP TRIGGER t',
      'CREATE EVENT e ON SCHEDULE EVERY 1 DAY DISABLE DO DELETE FROM a',
      'DROP EVENT e',
    ],
  },
  {
    behaviour: 'DML that is logged as a statement',
    statements: [AS_STATEMENT, 'UPDATE a SET n = n + 1'],
    emptied: MAPPED,
  },
  {
    behaviour: 'DML that is logged as a statement and acts through a trigger',
    given: ['CREATE TRIGGER t AFTER INSERT ON journal FOR EACH ROW UPDATE b SET n = n + 1'],
    statements: [AS_STATEMENT, 'INSERT INTO journal (n) VALUES (1)'],
    emptied: MAPPED,
  },
  {
    behaviour: 'a procedure whose DML is logged as statements',
    given: ['CREATE PROCEDURE p() UPDATE b SET n = n + 1'],
    statements: [AS_STATEMENT, 'CALL p()'],
    after: ['DROP PROCEDURE p'],
    emptied: MAPPED,
  },
  {
    behaviour: 'a function that writes, called by SELECT and logged as a statement',
    given: [
      'CREATE FUNCTION f() RETURNS INT DETERMINISTIC MODIFIES SQL DATA BEGIN UPDATE b SET n = n + 1; RETURN 1; END',
    ],
    statements: [AS_STATEMENT, 'SELECT f()'],
    after: ['DROP FUNCTION f'],
    emptied: MAPPED,
  },
  {
    behaviour: 'a write to a table without transactions, logged as a statement, even when it is rolled back',
    statements: [AS_STATEMENT, 'BEGIN', 'UPDATE flat SET n = n + 1', 'ROLLBACK'],
    emptied: MAPPED,
  },
  {
    behaviour: 'a write to a table without transactions, logged as rows',
    statements: ['BEGIN', 'UPDATE flat SET n = n + 1 WHERE id = 1', 'ROLLBACK'],
    removed: ['flat:1'],
  },
];

describe.each(inject('servers').mysql)('what has no rows on $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;
  let other: string;

  const rebuild = async (): Promise<void> => {
    for (const [table, definition] of Object.entries(TABLES)) {
      await shop.db.query(`DROP TABLE IF EXISTS ${table}`);
      await shop.db.query(`CREATE TABLE ${table} ${definition}`);
      await shop.db.query(`INSERT INTO ${table} (id, n) VALUES (1, 1), (2, 2)`);
    }
  };
  const open = async (): Promise<void> => {
    shop = await openShop(server, inject('servers').redis.url);
    other = `${shop.db.name}other`;
    await shop.db.query(`CREATE DATABASE ${other}`);
    await shop.db.query(`CREATE TABLE ${other}.t (id INT PRIMARY KEY)`);
    await shop.db.query(`GRANT SELECT ON ${other}.* TO '${shop.db.account.user}'@'%'`);
    await rebuild();
    daemon = await startDaemon(
      shop.config({
        rest: {
          rules: [
            ...[...MAPPED, 'fence'].map((table) => ({
              table: `${shop.db.name}.${table}`,
              key: shop.key(`${table}:{id}`),
            })),
            { table: `${other}.t`, key: shop.key('other:{id}') },
          ],
        },
      }),
    );
    await daemon.ready();
  };
  beforeAll(open);
  afterAll(async () => {
    await daemon?.stop();
    await shop?.db.query(`DROP DATABASE IF EXISTS ${other}`);
    await shop?.close();
  });
  beforeEach(async () => {
    await rebuild();
    await workedOff();
  });

  const workedOff = (): Promise<void> => drained(shop, daemon);
  const run = async (statements: readonly string[]): Promise<void> => {
    const connection = await shop.db.pool.getConnection();
    try {
      for (const statement of statements) await connection.query(statement);
    } finally {
      connection.destroy();
    }
  };
  const scopes = async (): Promise<number> =>
    (await daemon.metrics()).sum('unstale_scope_invalidations_total');

  const keys = [...MAPPED, 'other'].flatMap((table) => [`${table}:1`, `${table}:2`, `${table}:77`]);

  it.each(CASES.filter(({ on }) => on === undefined || on === server.flavour))(
    'exactly what it changes goes: $behaviour',
    async ({ given = [], statements, emptied = [], removed = [], after = [] }) => {
      await run(given);
      await workedOff();
      await shop.cache(...keys);
      await run(statements);
      await workedOff();
      const expected = keys.filter(
        (key) => !removed.includes(key) && !emptied.includes(key.split(':')[0] ?? ''),
      );
      expect(await shop.cached(keys)).toEqual(expected);
      await run(after);
    },
  );

  it('DROP DATABASE takes the keys of its tables, whatever schema the session is in', async () => {
    await shop.cache(...keys);
    await run([`DROP DATABASE ${other}`]);
    await workedOff();
    expect(await shop.cached(keys)).toEqual(keys.filter((key) => !key.startsWith('other:')));
    await run([`CREATE DATABASE ${other}`, `CREATE TABLE ${other}.t (id INT PRIMARY KEY)`]);
  });

  it('a qualified name counts in any session, and an unqualified one in its schema only', async () => {
    await run([`CREATE TABLE ${other}.a (id INT)`]);
    await workedOff();
    await shop.cache(...keys);
    await run([`USE ${other}`, 'TRUNCATE TABLE a', `TRUNCATE TABLE ${shop.db.name}.b`]);
    await workedOff();
    expect(await shop.cached(keys)).toEqual(keys.filter((key) => !key.startsWith('b:')));
  });

  const id = (): number => 1 + Math.floor(Math.random() * 50);

  /** Writes to `a` while a tool replaces it; resolves with the ids that were written once `tool` is done. */
  const underWrites = async (tool: () => Promise<void>): Promise<readonly number[]> => {
    const written: number[] = [];
    const done = new AbortController();
    const write = async (): Promise<void> => {
      while (!done.signal.aborted) {
        const target = id();
        await shop.db.query(`INSERT INTO a (id, n) VALUES (${target}, 1) ON DUPLICATE KEY UPDATE n = n + 1`);
        written.push(target);
      }
    };
    // One writer: it, the tool's connections and the look at the processes take all four of the pool.
    const writer = write();
    try {
      await tool();
    } finally {
      done.abort();
      await writer;
    }
    return written;
  };
  /** A swap: rows of the new table touch no key before it, the scope goes once, and changes are followed after it. */
  const expectSwap = async (copy: () => Promise<void>, swap: () => Promise<void>): Promise<void> => {
    await run(['INSERT INTO a VALUES (77, 0)']);
    await workedOff();
    const before = await scopes();
    await shop.cache(...keys);
    const all = Array.from({ length: 50 }, (_, index) => `a:${index + 1}`);
    const written = await underWrites(async () => {
      await copy();
      await workedOff();
      expect(await shop.cached(['a:77', 'b:1'])).toEqual(['a:77', 'b:1']);
      await shop.cache(...all);
      await swap();
    });
    await workedOff();
    expect(written.length).toBeGreaterThan(0);
    expect(await shop.cached([...all, 'a:77', 'b:1'])).toEqual(['b:1']);
    expect((await scopes()) - before).toBe(1);
    await shop.cache('a:7', 'a:8');
    await run(['UPDATE a SET n = n + 1 WHERE id = 7', 'INSERT IGNORE INTO a (id, n) VALUES (7, 1)']);
    await run(['UPDATE a SET n = n + 1 WHERE id = 7']);
    await workedOff();
    expect(await shop.cached(['a:7', 'a:8'])).toEqual(['a:8']);
  };

  it('a swap as gh-ost makes it, under writes, empties the table once and loses nothing', async () => {
    const columns = 'id, n';
    await expectSwap(
      () =>
        run([
          'drop /* gh-ost */ table if exists `_a_gho`',
          'create /* gh-ost */ table `_a_gho` like `a`',
          'alter /* gh-ost */ table `_a_gho` add column extra int default 0',
          `insert /* gh-ost */ ignore into \`_a_gho\` (${columns}) (select ${columns} from \`a\` lock in share mode)`,
        ]),
      async () => {
        const lock = await shop.db.pool.getConnection();
        const rename = await shop.db.pool.getConnection();
        try {
          await lock.query(
            "create /* gh-ost */ table `_a_del` (id int auto_increment primary key) comment='ghost-cut-over-sentry'",
          );
          await lock.query('lock /* gh-ost */ tables `a` write, `_a_del` write, `_a_gho` write');
          await lock.query(`replace /* gh-ost */ into \`_a_gho\` (${columns}) select ${columns} from \`a\``);
          const renamed = rename.query('rename /* gh-ost */ table `a` to `_a_del`, `_a_gho` to `a`');
          await eventually('the rename waits for the lock', async () => {
            const list = await shop.db.query('SHOW FULL PROCESSLIST');
            return list.some(({ Info }) => typeof Info === 'string' && Info.startsWith('rename'));
          });
          await lock.query('drop /* gh-ost */ table if exists `_a_del`');
          await lock.query('unlock tables');
          await renamed;
          await run(['drop /* gh-ost */ table if exists `_a_del`']);
        } finally {
          lock.destroy();
          rename.destroy();
        }
      },
    );
  });

  it('a swap as pt-online-schema-change makes it, under writes, empties the table once and loses nothing', async () => {
    const trigger = (event: string, body: string): string =>
      `CREATE TRIGGER pt_osc_${shop.db.name}_a_${event.slice(0, 3).toLowerCase()} AFTER ${event} ON a FOR EACH ROW ${body}`;
    await expectSwap(
      () =>
        run([
          'CREATE TABLE _a_new LIKE a',
          'ALTER TABLE _a_new ADD COLUMN extra INT DEFAULT 0',
          trigger('DELETE', 'DELETE IGNORE FROM _a_new WHERE _a_new.id <=> OLD.id'),
          trigger('UPDATE', 'REPLACE INTO _a_new (id, n) VALUES (NEW.id, NEW.n)'),
          trigger('INSERT', 'REPLACE INTO _a_new (id, n) VALUES (NEW.id, NEW.n)'),
          'INSERT LOW_PRIORITY IGNORE INTO _a_new (id, n) SELECT id, n FROM a LOCK IN SHARE MODE /* pt-online-schema-change */',
        ]),
      () =>
        run([
          'ANALYZE TABLE _a_new /* pt-online-schema-change */',
          'RENAME TABLE a TO _a_old, _a_new TO a',
          'DROP TABLE IF EXISTS _a_old',
          ...['del', 'upd', 'ins'].map((event) => `DROP TRIGGER IF EXISTS pt_osc_${shop.db.name}_a_${event}`),
        ]),
    );
  });
});
