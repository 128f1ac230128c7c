import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { isBehind } from './snapshot-barrier.ts';

const mark = (file: number, offset: number) => ({ gtid: undefined, epoch: 0, file: name(file), offset });
const name = (file: number): string => `db-1.bin.${String(file).padStart(6, '0')}`;

describe('a snapshot', () => {
  it('sees exactly the transactions that end at or before its place, in this file and older ones', () => {
    const place = fc.record({
      file: fc.integer({ min: 999_990, max: 1_000_010 }),
      begin: fc.integer({ min: 4, max: 1000 }),
      length: fc.integer({ min: 1, max: 500 }),
    });
    fc.assert(
      fc.property(place, place, fc.double({ min: 0, max: 1, noNaN: true }), (seen, written, part) => {
        // Another transaction's end never lies inside this one.
        const end = written.begin + written.length;
        const snapshot = { file: name(seen.file), offset: seen.begin };
        fc.pre(seen.file !== written.file || seen.begin <= written.begin || seen.begin >= end);
        const inside = written.begin + Math.floor(part * (written.length - 1));
        const visible = seen.file > written.file || (seen.file === written.file && seen.begin >= end);
        expect(isBehind(snapshot, mark(written.file, inside))).toBe(visible);
      }),
    );
  });
});
