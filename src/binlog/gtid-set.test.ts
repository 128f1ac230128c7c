import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { MariadbGtidPosition, MysqlGtidSet } from './gtid-set.ts';

const A = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
const B = '4e11fa47-71ca-11e1-9e33-c80aa9429562';

describe('a MySQL GTID set', () => {
  it('reads what the server writes, line breaks and tags included, and writes it the same way', () => {
    expect(MysqlGtidSet.parse(`${A.toUpperCase()}:1-5:11,\n${B}:7`).toString()).toBe(`${A}:1-5:11,${B}:7`);
    const tagged = `${A}:1-3:tag_a:1:tag_b:2-4`;
    expect(MysqlGtidSet.parse(tagged).toString()).toBe(tagged);
    expect(MysqlGtidSet.parse('').toString()).toBe('');
  });

  it('equals the set of the transactions that were added, in any order', () => {
    const gtid = fc.tuple(fc.constantFrom(A, B, `${A}:tag`), fc.integer({ min: 1, max: 30 }));
    fc.assert(
      fc.property(fc.array(gtid), (gtids) => {
        const set = new MysqlGtidSet();
        for (const [source, gno] of gtids) set.add({ source, sequence: gno });
        const sorted = new MysqlGtidSet();
        for (const [source, gno] of gtids.toSorted((a, b) => a[1] - b[1]))
          sorted.add({ source, sequence: gno });
        expect(set.toString()).toBe(sorted.toString());
        const again = MysqlGtidSet.parse(set.toString());
        expect(again.toString()).toBe(set.toString());
        for (const [source, gno] of gtids) again.add({ source, sequence: gno });
        expect(again.toString()).toBe(set.toString());
      }),
    );
  });

  it('writes the same text whether it was asked after every transaction or only at the end', () => {
    const gtid = fc.tuple(fc.constantFrom(A, B, `${A}:tag`), fc.integer({ min: 1, max: 12 }));
    fc.assert(
      fc.property(fc.array(gtid, { maxLength: 60 }), (gtids) => {
        const asked = new MysqlGtidSet();
        const silent = new MysqlGtidSet();
        for (const [source, gno] of gtids) {
          asked.add({ source, sequence: gno });
          silent.add({ source, sequence: gno });
          expect(asked.toString()).toBe(MysqlGtidSet.parse(asked.toString()).toString());
        }
        expect(asked.toString()).toBe(silent.toString());
      }),
      { numRuns: 1000 },
    );
  });

  it('contains exactly the transactions that were added, tags told apart', () => {
    const gtid = fc.tuple(fc.constantFrom(A, B, `${A}:tag`), fc.integer({ min: 1, max: 20 }));
    fc.assert(
      fc.property(fc.array(gtid), gtid, (gtids, [source, gno]) => {
        const set = new MysqlGtidSet();
        for (const [from, number] of gtids) set.add({ source: from, sequence: number });
        const expected = gtids.some(([from, number]) => from === source && number === gno);
        expect(set.contains({ source, sequence: gno })).toBe(expected);
        expect(MysqlGtidSet.parse(set.toString()).contains({ source, sequence: gno })).toBe(expected);
      }),
    );
  });

  it('merges neighbouring intervals', () => {
    const set = MysqlGtidSet.parse(`${A}:1-4:6-9`);
    set.add({ source: A, sequence: 5 });
    expect(set.toString()).toBe(`${A}:1-9`);
  });

  it.each(['nonsense', A, `${A}:0`, `${A}:5-1`, `${A}:tag`, `${A}:1:tag`, `${A}:1-2-3`, 'x:1'])(
    'refuses %j',
    (text) => {
      expect(() => MysqlGtidSet.parse(text)).toThrow(/is not a GTID set|UNSTALE/);
    },
  );
});

describe('a MariaDB GTID position', () => {
  it('keeps the newest transaction of each domain, also when its number falls after a failover', () => {
    const position = MariadbGtidPosition.parse('1-3-45,0-1-1234');
    expect(position.toString()).toBe('0-1-1234,1-3-45');
    position.add({ source: '0-2', sequence: 1000 });
    position.add({ source: '2-1', sequence: 7 });
    expect(position.toString()).toBe('0-2-1000,1-3-45,2-1-7');
  });

  it('reaches what is not newer in its domain, whichever server wrote it', () => {
    const position = MariadbGtidPosition.parse('0-1-10,5-2-3');
    expect(position.reaches({ source: '0-1', sequence: 10 })).toBe(true);
    expect(position.reaches({ source: '0-9', sequence: 9 })).toBe(true);
    expect(position.reaches({ source: '0-1', sequence: 11 })).toBe(false);
    expect(position.reaches({ source: '1-1', sequence: 1 })).toBe(false);
  });

  it('refuses what is no position', () => {
    expect(() => MariadbGtidPosition.parse('0-1')).toThrow(/not a GTID set/);
  });
});
