import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { completeColumns, needsCatalogue, parseLabels } from './catalogue-columns.ts';
import type { CatalogueColumn } from './catalogue-columns.ts';
import type { ColumnDefinition } from './table-map.ts';

const CHARSETS = new Map([
  [255, 'utf8mb4'],
  [8, 'latin1'],
  [63, 'binary'],
]);

/** A VARCHAR without metadata. */
function announced(more: Partial<ColumnDefinition> = {}): ColumnDefinition {
  return {
    type: 15,
    extent: { kind: 'prefixed', prefix: 1 },
    length: 20,
    precision: 0,
    decimals: 0,
    name: undefined,
    unsigned: undefined,
    collation: undefined,
    labels: [],
    hint: undefined,
    ...more,
  };
}

function listed(more: Partial<CatalogueColumn> = {}): CatalogueColumn {
  const type = { dataType: 'varchar', columnType: 'varchar(20)', charset: 'latin1' };
  return { name: 'a', ...type, octets: 20, precision: 0, scale: 0, fraction: 0, ...more };
}

/** MySQL's way to write a label, as COLUMN_TYPE has it. */
const quote = (label: string): string =>
  `'${label.replaceAll('\\', '\\\\').replaceAll("'", "''").replaceAll('\n', '\\n').replaceAll('\0', '\\0')}'`;

describe('the columns of a TABLE_MAP without names', () => {
  it('get them, and the character set, from the catalogue', () => {
    expect(completeColumns([announced()], [listed()], CHARSETS)).toMatchObject({
      ok: true,
      columns: [{ name: 'a', collation: 8 }],
    });
  });

  it.each([
    ['gone', undefined],
    ['columns', []],
    ['kind', [listed({ octets: 21 })]],
    ['kind', [listed({ dataType: 'int' })]],
    ['kind', [listed({ dataType: 'a type of the future' })]],
  ])('do not match another table: %s', (reason, catalogue) => {
    expect(completeColumns([announced()], catalogue, CHARSETS)).toEqual({
      ok: false,
      reason: expect.stringContaining(reason),
    });
  });

  it('do not match where the TABLE_MAP says another character set or sign', () => {
    expect(completeColumns([announced({ collation: 255 })], [listed()], CHARSETS).ok).toBe(false);
    expect(completeColumns([announced({ collation: 8 })], [listed()], CHARSETS).ok).toBe(true);
    const number = announced({ type: 3, extent: { kind: 'fixed', bytes: 4 }, length: 0, unsigned: true });
    const entry = listed({ dataType: 'int', columnType: 'int(11)', charset: undefined, octets: 0 });
    expect(completeColumns([number], [entry], CHARSETS).ok).toBe(false);
    expect(completeColumns([number], [{ ...entry, columnType: 'int(10) unsigned' }], CHARSETS).ok).toBe(true);
  });

  it('have no labels where the catalogue may have lost a character of one', () => {
    const column = announced({ type: 247, extent: { kind: 'fixed', bytes: 1 }, length: 0 });
    const labelsFor = (columnType: string): unknown => {
      const completed = completeColumns([column], [listed({ dataType: 'enum', columnType })], CHARSETS);
      return completed.ok ? completed.columns[0]?.labels : completed;
    };
    expect(labelsFor("enum('a','b')")).toEqual(['a', 'b']);
    expect(labelsFor("enum('a','?')")).toEqual([]);
  });
});

describe('the columns of a TABLE_MAP with names', () => {
  const binary = { type: 254, length: 16, collation: 63, name: 'Id', unsigned: false } as const;

  it('need the catalogue only for a wanted binary string of fixed length', () => {
    expect(needsCatalogue([announced(binary)], ['id'], 'mariadb')).toBe(true);
    expect(needsCatalogue([announced(binary)], ['id'], 'mysql')).toBe(false);
    expect(needsCatalogue([announced(binary)], ['other'], 'mariadb')).toBe(false);
    expect(needsCatalogue([announced({ ...binary, collation: 255 })], ['id'], 'mariadb')).toBe(false);
    expect(needsCatalogue([announced()], ['id'], 'mysql')).toBe(true);
  });

  it('are marked as UUID or INET where the length fits, and stay bytes otherwise', () => {
    const hintFor = (dataType: string, length = 16): unknown => {
      const completed = completeColumns(
        [announced({ ...binary, length })],
        [listed({ name: 'id', dataType })],
        CHARSETS,
      );
      return completed.ok ? completed.columns[0]?.hint : completed;
    };
    expect(['uuid', 'inet6', 'inet4', 'binary'].map((type) => hintFor(type))).toEqual([
      'uuid',
      'inet6',
      undefined,
      undefined,
    ]);
    expect(hintFor('inet4', 4)).toBe('inet4');
    expect(completeColumns([announced(binary)], undefined, CHARSETS)).toEqual({
      ok: true,
      columns: [announced(binary)],
    });
  });
});

describe('the labels of a column type', () => {
  it('are read whatever characters they hold', () => {
    fc.assert(
      fc.property(fc.array(fc.string({ unit: 'binary' }), { minLength: 1 }), (labels) => {
        expect(parseLabels(`enum(${labels.map(quote).join(',')})`)).toEqual(labels);
        expect(parseLabels(`set(${labels.map(quote).join(',')})`)).toEqual(labels);
      }),
    );
  });

  it('are none of other types', () => {
    expect(parseLabels("varchar(20) COMMENT 'x'")).toEqual([]);
  });
});
