import { afterAll, beforeAll, beforeEach, describe, expect, inject, it } from 'vitest';

import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { drained } from '../support/load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

// The image is set by session: the tests share the server with others.
describe.each(inject('servers').mysql)('row images of $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;

  beforeAll(async () => {
    shop = await openShop(server, inject('servers').redis.url);
    const { name } = shop.db;
    await shop.db.query(
      `CREATE TABLE pages (id INT NOT NULL DEFAULT 5 PRIMARY KEY, slug VARCHAR(20) NOT NULL DEFAULT 'home',
         title VARCHAR(20) NOT NULL DEFAULT '', body TEXT, upper_slug VARCHAR(20) AS (UPPER(slug)) STORED)`,
    );
    await shop.db.query('CREATE TABLE numbered (id INT AUTO_INCREMENT PRIMARY KEY, n INT)');
    await shop.db.query('CREATE TABLE unique_only (n INT, code INT NOT NULL UNIQUE, v INT)');
    await shop.db.query('CREATE TABLE moved (id INT PRIMARY KEY, v INT)');
    await shop.db.query(
      'CREATE TRIGGER moving BEFORE UPDATE ON moved FOR EACH ROW SET NEW.id = NEW.id + 100',
    );
    if (server.flavour === 'mysql') {
      await shop.db.query('CREATE TABLE made (a INT, v INT, id INT AS (a * 2) STORED PRIMARY KEY)');
    } else {
      await shop.db.query('CREATE TABLE made (a INT, v INT, id INT PRIMARY KEY)');
    }
    await shop.db.query('CREATE TABLE no_key (a INT, b INT, v INT)');
    daemon = await startDaemon(
      shop.config({
        rest: {
          rules: [
            {
              table: `${name}.pages`,
              keys: ['page:{id}', 'slug:{slug}', 'up:{upper_slug}'].map((rest) => shop.key(rest)),
            },
            { table: `${name}.moved`, key: shop.key('moved:{id}') },
            { table: `${name}.made`, key: shop.key('made:{id}') },
            { table: `${name}.numbered`, key: shop.key('numbered:{id}') },
            { table: `${name}.unique_only`, key: shop.key('code:{code}') },
            { table: `${name}.no_key`, key: shop.key('pair:{a}:{b}') },
            { table: `${name}.fence`, key: shop.key('fence:{id}') },
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

  /** Which of the cached keys are left after the statements, run under the image. */
  async function left(image: string, cached: readonly string[], ...statements: string[]): Promise<string[]> {
    await drained(shop, daemon);
    await shop.cache(...cached);
    const connection = await shop.db.pool.getConnection();
    try {
      await connection.query(`SET SESSION binlog_row_image = ${image}`);
      for (const statement of statements) await connection.query(statement);
    } finally {
      // Not given back: its settings must not reach other tests.
      connection.destroy();
    }
    await drained(shop, daemon);
    return shop.cached(cached);
  }

  beforeEach(async () => {
    await shop.db.query('DELETE FROM pages');
    await shop.db.query(
      "INSERT INTO pages VALUES (1, 'one', 't', 'b', DEFAULT), (2, 'two', 't', 'b', DEFAULT)",
    );
  });

  describe.each(['MINIMAL', 'NOBLOB'])('%s', (image) => {
    it('keys of the primary key stay exact whatever the statement', async () => {
      const keys = ['page:1', 'page:2', 'page:3', 'page:4', 'page:9'];
      expect(
        await left(
          image,
          keys,
          "UPDATE pages SET title = 'x' WHERE id = 1",
          "INSERT INTO pages (id, title) VALUES (3, 'x')",
          'UPDATE pages SET id = 4 WHERE id = 3',
        ),
      ).toEqual(['page:2', 'page:9']);
      expect(await left(image, keys, 'DELETE FROM pages WHERE id = 2')).toEqual([
        'page:1',
        'page:3',
        'page:4',
        'page:9',
      ]);
    });

    it('a primary key that the server counts up is known', async () => {
      await shop.db.query('TRUNCATE numbered');
      const keys = ['numbered:1', 'numbered:2'];
      expect(await left(image, keys, 'INSERT INTO numbered (n) VALUES (7)')).toEqual(['numbered:2']);
    });

    it('a primary key that a trigger changes is known before and after', async () => {
      await shop.db.query('DELETE FROM moved');
      await shop.db.query('INSERT INTO moved VALUES (1, 1), (2, 2)');
      const keys = ['moved:1', 'moved:2', 'moved:101', 'moved:102'];
      expect(await left(image, keys, 'UPDATE moved SET v = 9 WHERE id = 1')).toEqual([
        'moved:2',
        'moved:102',
      ]);
    });

    // MariaDB allows no generated column in a primary key.
    it.runIf(server.flavour === 'mysql')(
      'a primary key that is generated is known before and after',
      async () => {
        await shop.db.query('DELETE FROM made');
        await shop.db.query('INSERT INTO made (a, v) VALUES (1, 1), (2, 2)');
        const keys = ['made:2', 'made:4', 'made:20', 'made:40'];
        expect(await left(image, keys, 'UPDATE made SET a = 10 WHERE a = 1')).toEqual(['made:4', 'made:40']);
      },
    );

    it('the keys of all rows of a table without a primary key are removed, those of a unique key exactly', async () => {
      await shop.db.query('INSERT INTO unique_only VALUES (1, 10, 1), (2, 20, 1)');
      await shop.db.query('INSERT INTO no_key VALUES (1, 10, 1), (2, 20, 1)');
      const keys = ['code:10', 'code:20', 'pair:1:10', 'pair:2:20'];
      expect(
        await left(
          image,
          keys,
          'UPDATE unique_only SET v = 2 WHERE code = 10',
          'UPDATE no_key SET v = 2 WHERE a = 1',
        ),
      ).toEqual(['code:20', 'pair:2:20']);
      await shop.db.query('DELETE FROM unique_only');
      await shop.db.query('DELETE FROM no_key');
    });
  });

  it('under MINIMAL a changed key column outside the primary key removes every key of its template', async () => {
    const keys = ['slug:one', 'slug:new', 'slug:other', 'page:1', 'page:2'];
    expect(await left('MINIMAL', keys, "UPDATE pages SET slug = 'new' WHERE id = 1")).toEqual(['page:2']);
  });

  it('under MINIMAL a column that took its default is unknown, and every key of its template goes', async () => {
    const keys = ['slug:home', 'slug:other', 'up:HOME', 'up:OTHER', 'page:5', 'page:7', 'page:8'];
    expect(await left('MINIMAL', keys, "INSERT INTO pages (id, title) VALUES (7, 'x')")).not.toContain(
      'slug:home',
    );
    expect(await shop.cached(['page:5', 'page:7', 'page:8'])).toEqual(['page:5', 'page:8']);
    // So also in the primary key.
    expect(await left('MINIMAL', keys, "INSERT INTO pages (title) VALUES ('x')")).not.toContain('page:5');
  });

  it('under MINIMAL a generated column follows the column that it is made of', async () => {
    const keys = ['up:ONE', 'up:NEW', 'page:1', 'page:2'];
    expect(await left('MINIMAL', keys, "UPDATE pages SET slug = 'new' WHERE id = 1")).toEqual(['page:2']);
  });

  it('under NOBLOB keys of short columns are exact, changed or not', async () => {
    const keys = ['slug:one', 'slug:new', 'slug:two', 'up:ONE', 'up:NEW', 'up:TWO', 'page:1', 'page:2'];
    expect(await left('NOBLOB', keys, "UPDATE pages SET slug = 'new', body = 'x' WHERE id = 1")).toEqual([
      'slug:two',
      'up:TWO',
      'page:2',
    ]);
  });
});
