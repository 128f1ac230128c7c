import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { containsGtids, joinGtids, parseGtidSet } from './gtid-set.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '4350f323-7565-4e59-8763-4b1b83a0ce0e';

function contains(set: string, wanted: string): boolean {
  return containsGtids(parseGtidSet(set), parseGtidSet(wanted));
}

describe('a GTID set', () => {
  it.each([
    [`${A}:1-5`, `${A}:3`, true],
    [`${A}:1-5`, `${A}:5-6`, false],
    [`${A}:1-5:7-9`, `${A}:4-8`, false],
    [`${A}:1-5:6-9`, `${A}:4-8`, true],
    [`${A}:7-9:1-6`, `${A}:1-9`, true],
    [`${A}:1-5,\n${B}:1-3`, `${B}:2,${A}:1`, true],
    [`${A}:1-5`, `${B}:1`, false],
    [`${A.toUpperCase()}:1-5`, `${A}:1-2`, true],
    [`${A}:1-5:billing:1-3`, `${A}:billing:2`, true],
    [`${A}:1-5`, `${A}:billing:2`, false],
    [`${A}:billing:1-5`, `${A}:2`, false],
    [`${A}:1-2:a:1-3:b:4`, `${A}:b:4,${A}:a:3`, true],
    [`${A}:1-9223372036854775806`, `${A}:9007199254740993`, true],
    ['0-1-100', '0-2-99', true],
    ['0-1-100', '0-1-101', false],
    ['0-1-100,1-1-5', '1-3-5', true],
    ['0-1-100', '1-1-1', false],
    ['0-1-18446744073709551615', '0-1-18446744073709551614', true],
    [`${A}:1-5`, '0-1-1', false],
    ['0-1-1', `${A}:1`, false],
  ])('%s contains %s: %s', (set, wanted, expected) => {
    expect(contains(set, wanted)).toBe(expected);
  });

  it.each([
    '',
    ' , ',
    'binlog.000042:4',
    A,
    `${A}:`,
    `${A}:0`,
    `${A}:5-1`,
    `${A}:a`,
    `${A}:1-5x`,
    '0-1',
    '0-1-1,x',
  ])('is not what %j says', (text) => {
    expect(() => parseGtidSet(text)).toThrow(expect.objectContaining({ code: 'UNSTALE_READER_GTID' }));
  });

  it('contains exactly the transactions of its intervals', () => {
    const numbers = fc.uniqueArray(fc.integer({ min: 1, max: 30 }), { minLength: 1 });
    fc.assert(
      fc.property(numbers, numbers, (has, wants) => {
        const text = (all: readonly number[]): string => `${A}:${all.join(':')}`;
        expect(contains(text(has), text(wants))).toBe(wants.every((one) => has.includes(one)));
      }),
    );
  });

  it('joins with others into one text that the server takes', () => {
    expect(joinGtids(['', `${A}:1`, `${A}:1`, `${B}:2-3`])).toBe(`${A}:1,${B}:2-3`);
    expect(joinGtids(['0-1-5', '0-2-7', '1-1-2', '0-1-6'])).toBe('0-2-7,1-1-2');
    expect(joinGtids(['', ''])).toBe('');
  });
});
