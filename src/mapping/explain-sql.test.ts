import { describe, expect, it } from 'vitest';
import type { Filter } from '../change/filter.ts';
import { reverseFilters } from './explain-reverse.ts';
import { conditionSql } from './explain-sql.ts';

function sql(text: string, filters: readonly Filter[], type?: string): string | false | undefined {
  const condition = reverseFilters(text, filters);
  return condition === undefined ? false : conditionSql('v', condition, type);
}

describe('the SQL of a value', () => {
  it.each<[string, readonly Filter[], string | undefined, string | false | undefined]>([
    ['17', [], undefined, "`v` = '17'"],
    ['17', [], 'bigint', '`v` = 17'],
    ['1:7', [], 'bigint', false],
    [`o'x\\y\n`, [], 'varchar', String.raw`${'`v`'} = 'o''x\\y\n'`],
    ['a@x', [{ kind: 'lower' }], 'varchar', "LOWER(`v`) = 'a@x'"],
    ['007', [{ kind: 'pad', width: 3 }], 'int', '`v` IN (007, 07, 7)'],
    ['none', [{ kind: 'default', text: 'none' }], 'varchar', "(`v` = 'none' OR `v` IS NULL)"],
    ['none', [{ kind: 'default', text: 'none' }], 'int', '`v` IS NULL'],
    ['6162', [{ kind: 'hex' }], 'varbinary', "`v` = X'6162'"],
    ['6162', [{ kind: 'hex' }], 'varchar', "`v` = 'ab'"],
    ['6162', [{ kind: 'hex' }], undefined, "`v` = X'6162'"],
    ['FF', [{ kind: 'hex' }], 'varchar', false],
    ['2026-11', [{ kind: 'date', format: '%Y-%m' }], 'datetime', "DATE_FORMAT(`v`, '%Y-%m') = '2026-11'"],
    ['12', [{ kind: 'date', format: '%H' }], 'time', "TIME_FORMAT(`v`, '%H') = '12'"],
    ['a'.repeat(40), [{ kind: 'sha1' }], 'varchar', undefined],
  ])('%j behind %j of %s is %s', (text, filters, type, expected) => {
    expect(sql(text, filters, type)).toBe(expected);
  });
});
