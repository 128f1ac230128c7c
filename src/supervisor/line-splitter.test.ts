import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { LineSplitter } from './line-splitter.ts';

function split(chunks: readonly Buffer[], longest?: number): string[] {
  const lines: string[] = [];
  const splitter = new LineSplitter((line) => lines.push(line), longest);
  for (const chunk of chunks) splitter.push(chunk);
  splitter.end();
  return lines;
}

function cut(bytes: Buffer, at: readonly number[]): Buffer[] {
  const places = [0, ...at.map((place) => place % (bytes.length + 1)), bytes.length].toSorted(
    (a, b) => a - b,
  );
  return places.slice(1).map((end, index) => bytes.subarray(places[index], end));
}

describe('lines', () => {
  it('are the same however the bytes arrive, also cut within a character', () => {
    fc.assert(
      fc.property(
        fc.array(fc.string({ unit: 'grapheme' }).map((line) => line.replaceAll('\n', ' '))),
        fc.array(fc.nat()),
        (lines, at) => {
          const text = lines.map((line) => `${line}\n`).join('');
          expect(split(cut(Buffer.from(text), at))).toEqual(lines);
        },
      ),
    );
  });

  it('include a last one without an end', () => {
    expect(split([Buffer.from('one\ntwo')])).toEqual(['one', 'two']);
  });

  it('that are too long are cut, and nothing of them is lost', () => {
    const long = 'x'.repeat(2500);
    const lines = split([Buffer.from(`a\n${long}\nb\n`)], 1000);
    expect(lines.map(({ length }) => length)).toEqual([1, 1000, 1000, 500, 1]);
    expect(lines.slice(1, 4).join('')).toBe(long);
  });
});
