import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadText } from '../../test/support/config-text.ts';
import { renderStarter } from './starter.ts';
import type { StarterTable } from './starter.ts';

const OPTIONS = {
  clientId: 'shop',
  sourceUrl: 'mysql://unstale@127.0.0.1:3306',
  redisUrl: 'redis://127.0.0.1:6379/0',
};
const ENV = { MYSQL_PASSWORD: 'secret' };

function table(schema: string, name: string, ...primaryKey: string[]): StarterTable {
  return { schema, table: name, primaryKey, usable: primaryKey.length > 0 };
}

describe('a starter file', () => {
  it('has one rule for each table, from its primary key, and loads as it is', async () => {
    const text = renderStarter({
      ...OPTIONS,
      tables: [
        table('shop', 'users', 'id'),
        table('shop', 'order_items', 'order_id', 'line_no'),
        { schema: 'shop', table: 'logs', primaryKey: [], usable: false, reason: 'it has no primary key' },
      ],
    });
    expect(text).toContain('  - table: shop.users\n    key: users:{id}\n');
    expect(text).toContain('  - table: shop.order_items\n    key: order_items:{order_id}:{line_no}\n');
    expect(text).toContain('  # - table: shop.logs\n  #   no rule: it has no primary key\n');
    const config = await loadText(text, { env: ENV });
    expect(config.clientId).toBe('shop');
    expect(config.source.connection).toMatchObject({
      host: '127.0.0.1',
      user: 'unstale',
      password: 'secret',
    });
    expect(config.plan.rules).toHaveLength(2);
  });

  it('tells tables with the same name apart by their schema', () => {
    const text = renderStarter({
      ...OPTIONS,
      tables: [table('a', 'users', 'id'), table('b', 'users', 'id')],
    });
    expect(text).toContain('key: a:users:{id}');
    expect(text).toContain('key: b:users:{id}');
  });

  it('names a user when the URL has none', async () => {
    const text = renderStarter({ ...OPTIONS, sourceUrl: 'mysql://db', tables: [table('a', 'b', 'id')] });
    expect((await loadText(text, { env: ENV })).source.connection.user).toBe('unstale');
  });

  it('says so when no table is usable', () => {
    const text = renderStarter({ ...OPTIONS, tables: [table('a', 'b')] });
    expect(text).toMatch(/^rules: \[\] # No table is usable/m);
  });

  it('loads for tables and columns of any name, and its rules are on these tables', async () => {
    const name = fc.oneof(
      fc.stringMatching(/^[a-z_]{1,8}$/),
      fc.string({
        minLength: 1,
        maxLength: 8,
        unit: fc.constantFrom(
          'a',
          '`',
          '.',
          '{',
          '}',
          '$',
          '"',
          "'",
          '\\',
          ':',
          '#',
          ' ',
          '*',
          '-',
          'ü',
          '1',
          '|',
          '\n',
        ),
      }),
    );
    const tables = fc.uniqueArray(
      fc.tuple(name, name, fc.uniqueArray(name, { minLength: 1, maxLength: 2 })),
      { minLength: 1, maxLength: 4, selector: ([schema, one]) => JSON.stringify([schema, one]) },
    );
    await fc.assert(
      fc.asyncProperty(tables, async (all) => {
        const given = [
          table('shop', 'sure', 'id'),
          ...all.map(([schema, one, key]) => table(schema, one, ...key)),
        ];
        const { plan } = await loadText(renderStarter({ ...OPTIONS, tables: given }), { env: ENV });
        expect(
          plan.interests.named.map(({ table, columns }) => [table.schema, table.table, columns]),
        ).toEqual(given.map(({ schema, table, primaryKey }) => [schema, table, primaryKey]));
      }),
    );
  });
});
