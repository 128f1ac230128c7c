import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TableReach } from '../change/table.ts';
import { boundedReaches, formatReach } from './table-reaches.ts';

const name = fc.constantFrom('a', 'b', 'c', ...Array.from({ length: 40 }, (_, index) => `n${index}`));
const reach: fc.Arbitrary<TableReach> = fc.oneof(
  fc.record({ schema: name, table: name }),
  fc.record({ schema: name }),
  fc.record({ table: name }),
);
const covers = (wide: TableReach, narrow: TableReach): boolean =>
  (wide.schema === undefined || wide.schema === narrow.schema) &&
  (wide.table === undefined || wide.table === narrow.table);

describe('bounded reaches', () => {
  it('are no more than 32 and reach everything that was reached', () => {
    fc.assert(
      fc.property(fc.array(reach, { maxLength: 80 }), (reaches) => {
        const bounded = boundedReaches(reaches);
        expect(bounded.length).toBeLessThanOrEqual(32);
        for (const each of reaches) expect(bounded.some((wide) => covers(wide, each))).toBe(true);
      }),
    );
  });

  it('are the same, each once, as long as they are few', () => {
    const few = [{ schema: 's', table: 't' }, { schema: 's' }, { table: 't' }];
    expect(boundedReaches([...few, ...few])).toEqual(few);
    expect(boundedReaches([])).toEqual([]);
  });

  it('are the schemas of many tables, and all tables beyond many schemas', () => {
    const tables = Array.from({ length: 40 }, (_, index) => ({
      schema: `s${index % 2}`,
      table: `t${index}`,
    }));
    expect(boundedReaches(tables)).toEqual([{ schema: 's0' }, { schema: 's1' }]);
    expect(boundedReaches(tables.map(({ table }) => ({ schema: table, table })))).toEqual([{}]);
    expect(boundedReaches(tables.map(({ table }) => ({ table })))).toEqual([{}]);
  });

  it('have a star in the place of what is not known', () => {
    expect([{}, { schema: 's' }, { table: 't' }, { schema: 's', table: 't' }].map(formatReach)).toEqual([
      '*.*',
      's.*',
      '*.t',
      's.t',
    ]);
  });
});
