import { describe, expect, it } from 'vitest';
import type { Filter } from '../../change/filter.ts';
import { isComparable, keyColumnCaveat, keyColumnRefusal } from './column-type.ts';
import type { ColumnFacts } from './column-type.ts';

function column(dataType: string, columnType = dataType): ColumnFacts {
  return { name: 'c', dataType, columnType, nullable: false, inPrimaryKey: false };
}

function filters(...kinds: ('hex' | 'base64' | 'uuid' | 'sha1' | 'lower')[]): Filter[] {
  return kinds.map((kind) => ({ kind }));
}

describe('a column in a key', () => {
  it('holds bytes only through a filter that makes text of them', () => {
    expect(keyColumnRefusal(column('varbinary'), [])).toContain('bytes');
    expect(keyColumnRefusal(column('varbinary'), filters('lower'))).toContain('bytes');
    for (const kind of ['hex', 'base64', 'sha1'] as const) {
      expect(keyColumnRefusal(column('blob'), filters(kind))).toBeUndefined();
    }
    const withDefault: Filter[] = [{ kind: 'default', text: 'x' }, { kind: 'hex' }];
    expect(keyColumnRefusal(column('blob'), withDefault)).toBeUndefined();
  });

  it('is a UUID only with 16 bytes', () => {
    expect(keyColumnRefusal(column('binary', 'binary(16)'), filters('uuid'))).toBeUndefined();
    expect(keyColumnRefusal(column('binary', 'binary(15)'), filters('uuid'))).toContain('BINARY(16)');
    expect(keyColumnRefusal(column('varchar', 'varchar(36)'), filters('uuid'))).toContain('BINARY(16)');
  });

  it('is formatted as a date only if it is one, and as hexadecimal only if it is no number', () => {
    const date: Filter[] = [{ kind: 'date', format: '%Y' }];
    expect(keyColumnRefusal(column('datetime'), date)).toBeUndefined();
    expect(keyColumnRefusal(column('varchar'), date)).toContain('DATETIME');
    expect(keyColumnRefusal(column('int'), filters('hex'))).toContain('no numbers');
    expect(keyColumnRefusal(column('varchar'), filters('hex'))).toBeUndefined();
  });

  it('stays refused without an exact text form, whatever the filter', () => {
    for (const type of ['float', 'double', 'json', 'bit', 'geometry']) {
      expect(keyColumnRefusal(column(type), filters('sha1'))).toBeDefined();
    }
  });

  it('compares as in SQL only where the binlog gives its value exactly, and bytes only for a change', () => {
    expect(isComparable(column('decimal'), 'value')).toBe(true);
    expect(isComparable(column('float'), 'change')).toBe(false);
    expect(isComparable(column('json'), 'change')).toBe(false);
    expect(isComparable(column('blob'), 'value')).toBe(false);
    expect(isComparable(column('blob'), 'change')).toBe(true);
  });

  it('of ZEROFILL needs no warning when it is padded', () => {
    const zerofill = column('int', 'int(5) unsigned zerofill');
    expect(keyColumnCaveat(zerofill, [])).toContain('leading zeros');
    expect(keyColumnCaveat(zerofill, [{ kind: 'pad', width: 5 }])).toBeUndefined();
  });
});
