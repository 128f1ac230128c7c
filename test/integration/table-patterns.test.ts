import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import type { SourceEvent } from '../../src/change/source-event.ts';
import { createDatabase } from '../support/database.ts';
import type { TestDatabase } from '../support/database.ts';
import { interestsIn } from '../support/interests.ts';
import { readSource } from '../support/source-reader.ts';
import type { SourceReader } from '../support/source-reader.ts';

describe.each(inject('servers').mysql)('tables that a pattern selects on $label', (server) => {
  let db: TestDatabase;
  let source: SourceReader;
  const schemas: string[] = [];

  /** What of the mapped tables happened up to now, as far as it is told apart here. */
  const happened = async (): Promise<readonly string[]> => {
    await db.query('UPDATE fence SET n = n + 1');
    const isFence = (event: SourceEvent): boolean =>
      event.kind === 'slice' && event.slice.changes.some(({ table }) => table.table === 'fence');
    const events = await source.until(isFence);
    return events.flatMap((event) => {
      switch (event.kind) {
        case 'idle':
        case 'epoch':
          return [];
        case 'scope':
          return event.tables.map(({ schema = '*', table = '*' }) => `${event.reason} ${schema}.${table}`);
        case 'slice':
          return event.slice.changes
            .filter(({ table }) => table.table !== 'fence')
            .map(({ op, table }) => `${op} ${table.schema}.${table.table}`);
      }
    });
  };

  beforeEach(async () => {
    db = await createDatabase(server);
    await db.query('CREATE TABLE fence (id INT PRIMARY KEY, n INT)');
    await db.query('INSERT INTO fence VALUES (1, 0)');
    const fence = { table: { schema: db.name, table: 'fence' }, columns: ['id'] };
    const pattern = { schemaPrefix: `${db.name}tenant`, table: 'users', columns: ['id', 'email'] };
    source = await readSource(db, interestsIn([fence], pattern));
  });
  afterEach(async () => {
    await source.close();
    for (const schema of schemas.splice(0)) await db.query(`DROP DATABASE IF EXISTS ${schema}`);
    await db.drop();
  });

  const createTenant = async (name: string): Promise<string> => {
    const schema = `${db.name}tenant${name}`;
    schemas.push(schema);
    await db.query(`CREATE DATABASE ${schema}`);
    await db.query(`CREATE TABLE ${schema}.users (id INT PRIMARY KEY, email VARCHAR(50))`);
    await db.query(`CREATE TABLE ${schema}.others (id INT PRIMARY KEY)`);
    return schema;
  };

  it('are followed from their creation on, which invalidates nothing', async () => {
    const schema = await createTenant('a');
    await db.query(`INSERT INTO ${schema}.users VALUES (1, 'a@x')`);
    await db.query(`INSERT INTO ${schema}.others VALUES (1)`);
    await db.query(`UPDATE ${schema}.users SET email = 'b@x'`);
    expect(await happened()).toEqual([`insert ${schema}.users`, `update ${schema}.users`]);
  });

  it('are reached by their names where a statement names them, and only they', async () => {
    const [a, b] = [await createTenant('a'), await createTenant('b')];
    await db.query(`TRUNCATE TABLE ${a}.users`);
    await db.query(`TRUNCATE TABLE ${a}.others`);
    await db.query(`DROP TABLE ${b}.others, ${b}.users`);
    expect(await happened()).toEqual([`truncate ${a}.users`, `ddl ${b}.users`]);
  });

  it('are reached by their schema when it is dropped', async () => {
    const schema = await createTenant('a');
    await happened();
    await db.query(`DROP DATABASE ${schema}`);
    expect(await happened()).toEqual([`ddl ${schema}.*`]);
  });

  it('are reached by a rename, under both names as far as the pattern selects them', async () => {
    const [a, b] = [await createTenant('a'), await createTenant('b')];
    await db.query(`DROP TABLE ${b}.users`);
    await happened();
    await db.query(`RENAME TABLE ${a}.users TO ${b}.users`);
    expect(await happened()).toEqual([`ddl ${a}.users`, `ddl ${b}.users`]);
    await db.query(`CREATE TABLE ${a}.users LIKE ${b}.users`);
    expect(await happened()).toEqual([]);
  });
});

describe.each(inject('servers').mysql.filter(({ flavour }) => flavour === 'mariadb'))(
  'cascades between tables that a pattern selects on $label',
  (server) => {
    it('are followed in a table that was created while the source runs', async () => {
      const db = await createDatabase(server);
      const schema = `${db.name}tenant`;
      const pattern = { schemaPrefix: schema, table: 'items', columns: ['order_id'] };
      await db.query(`GRANT SELECT ON ${schema}.* TO '${db.account.user}'@'%'`);
      const source = await readSource(db, interestsIn([], pattern));
      try {
        await db.query(`CREATE DATABASE ${schema}`);
        await db.query(`CREATE TABLE ${schema}.orders (id INT PRIMARY KEY)`);
        await db.query(
          `CREATE TABLE ${schema}.items (id INT PRIMARY KEY, order_id INT,
             FOREIGN KEY (order_id) REFERENCES ${schema}.orders (id) ON DELETE CASCADE)`,
        );
        await db.query(`INSERT INTO ${schema}.orders VALUES (7)`);
        await db.query(`INSERT INTO ${schema}.items VALUES (1, 7)`);
        await db.query(`DELETE FROM ${schema}.orders`);
        const isDelete = (event: SourceEvent): boolean =>
          event.kind === 'slice' && event.slice.changes.some(({ op }) => op === 'delete');
        const events = await source.until(isDelete);
        const changes = events.flatMap((event) => (event.kind === 'slice' ? event.slice.changes : []));
        const table = { schema, table: 'items' };
        expect(changes).toEqual([
          { op: 'insert', table, after: [7] },
          { op: 'delete', table, before: [7] },
        ]);
      } finally {
        await source.close();
        await db.query(`DROP DATABASE ${schema}`);
        await db.drop();
      }
    });
  },
);

describe.each(inject('servers').mysql)('an outbox table on $label', (server) => {
  it.for(['InnoDB', 'BLACKHOLE'])(
    'of the engine %s gives the rows that are inserted',
    async (engine, { skip }) => {
      const db = await createDatabase(server);
      const engines = await db.query('SHOW ENGINES');
      const known = engines.some((row) => String(row['Engine']).toUpperCase() === engine.toUpperCase());
      if (!known) {
        await db.drop();
        // MySQL has it built in.
        expect(server.flavour).toBe('mariadb');
        skip(`this MariaDB has no plugin for ${engine}`);
      }
      await db.query(`CREATE TABLE outbox (cache_key VARCHAR(100)) ENGINE = ${engine}`);
      const table = { schema: db.name, table: 'outbox' };
      const source = await readSource(db, interestsIn([{ table, columns: ['cache_key'] }]));
      try {
        await db.query("INSERT INTO outbox VALUES ('user:1'), ('user:2')");
        const events = await source.until((event) => event.kind === 'slice');
        const changes = events.flatMap((event) => (event.kind === 'slice' ? event.slice.changes : []));
        expect(changes).toEqual([
          { op: 'insert', table, after: ['user:1'] },
          { op: 'insert', table, after: ['user:2'] },
        ]);
      } finally {
        await source.close();
        await db.drop();
      }
    },
  );
});
