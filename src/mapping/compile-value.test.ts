import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { CacheValue } from '../change/command.ts';
import type { ColumnValue } from '../change/row-change.ts';
import { compileValue } from './compile-value.ts';
import type { ValueFormat } from './value-template.ts';

const one = (value: ColumnValue, format: ValueFormat = 'auto'): CacheValue | null | undefined =>
  compileValue({ form: 'string', field: { column: 'c', name: 'c', format } }, ['c'])([value]);

describe('a value', () => {
  it('is JSON that says what the row says', () => {
    const columns = ['a', 'b"', 'c'];
    const fields = columns.map((column) => ({ column, name: column, format: 'auto' as const }));
    const valueOf = compileValue({ form: 'json', fields }, columns);
    const cell = fc.oneof(
      fc.string({ unit: 'binary' }),
      fc.integer(),
      fc.double({ noNaN: true }),
      fc.constant(null),
    );
    fc.assert(
      fc.property(fc.tuple(cell, cell, cell), (row) => {
        if (row.some((value) => value === Infinity || value === -Infinity)) {
          expect(valueOf(row)).toBeUndefined();
          return;
        }
        const value = valueOf(row);
        const parsed: unknown = JSON.parse(String(value));
        const wanted = row.map((cellValue) => (Object.is(cellValue, -0) ? 0 : cellValue));
        expect(parsed).toEqual(Object.fromEntries(columns.map((column, index) => [column, wanted[index]])));
      }),
    );
  });

  it.each([
    ['number', '18446744073709551615', '18446744073709551615'],
    ['number', '-12.50', '-12.50'],
    ['number', 'x', undefined],
    ['number', '007', undefined],
    ['boolean', 1, 'true'],
    ['boolean', '0.00', 'false'],
    ['boolean', 'x', undefined],
    ['json', '{"a": 1}', '{"a": 1}'],
    ['json', '{"a": ', undefined],
    ['iso', '2026-01-31 12:00:00.5', '2026-01-31T12:00:00.5'],
    ['utc', '2026-01-31 12:00:00', '2026-01-31T12:00:00Z'],
    ['utc', '2026-01-31', '2026-01-31'],
    ['iso', 'tomorrow', undefined],
    ['base64', Uint8Array.of(255, 0), '/wA='],
    ['hex', 'é', 'c3a9'],
    ['text', 5, '5'],
    ['auto', Uint8Array.of(1), undefined],
    ['auto', undefined, undefined],
    ['auto', null, null],
  ] as const)('of the format %s makes of %j: %j', (format, value, text) => {
    expect(one(value, format)).toBe(text);
  });

  it('is a hash without the columns that are NULL, and none at all if all of them are', () => {
    const fields = ['a', 'b'].map((column) => ({
      column,
      name: column.toUpperCase(),
      format: 'auto' as const,
    }));
    const valueOf = compileValue({ form: 'hash', fields }, ['b', 'a']);
    expect(valueOf(['x', 1])).toEqual(['A', '1', 'B', 'x']);
    expect(valueOf(['x', null])).toEqual(['B', 'x']);
    expect(valueOf([null, null])).toBeNull();
    expect(valueOf([undefined, 1])).toBeUndefined();
  });
});
