import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MysqlGtidSet, parseExecutedGtids } from './gtid-set.ts';

const UUIDS = ['00000000-0000-0000-0000-00000000000a', '00000000-0000-0000-0000-00000000000b'] as const;
const SOURCES = [UUIDS[0], UUIDS[1], `${UUIDS[1]}:tag`] as const;

const transactions = fc.uniqueArray(fc.tuple(fc.constantFrom(...SOURCES), fc.integer({ min: 1, max: 15 })), {
  maxLength: 30,
  selector: (pair) => pair.join('/'),
});

function setOf(pairs: readonly (readonly [string, number])[]): MysqlGtidSet {
  const set = new MysqlGtidSet();
  for (const [source, sequence] of pairs) set.add({ source, sequence });
  return set;
}

describe('what a GTID set misses of another', () => {
  it('is on MySQL exactly what is in the other one only', () => {
    fc.assert(
      fc.property(transactions, transactions, (known, wanted) => {
        const names = new Set(known.map((pair) => pair.join('/')));
        const left = wanted.filter((pair) => !names.has(pair.join('/')));
        expect(setOf(known).missing(setOf(wanted).toString())).toBe(setOf(left).toString());
      }),
    );
  });

  it('is on MariaDB the domains that are behind', () => {
    const known = parseExecutedGtids('0-1-100,1-2-7', 'mariadb');
    expect(known.missing('0-1-100')).toBe('');
    expect(known.missing('0-9-99,1-2-8,2-1-1')).toBe('1-2-8,2-1-1');
    expect(known.missing('')).toBe('');
  });

  it('cannot be told of the other notation', () => {
    expect(() => parseExecutedGtids('0-1-1', 'mariadb').missing(`${UUIDS[0]}:1`)).toThrow(/no.* GTID set/);
    expect(() => parseExecutedGtids('', 'mysql').missing('0-1-1')).toThrow(/GTID set/);
  });
});
