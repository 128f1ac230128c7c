import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { SourcePosition } from '../change/position.ts';
import { InFlightWindow } from './in-flight-window.ts';

const position = (offset: number): SourcePosition => ({
  serverUuid: 'u',
  epoch: 0,
  file: 'binlog.000001',
  offset,
  fileCreatedAt: 1,
});

describe('the in-flight window', () => {
  it('never lets the position pass a batch that Redis has not acknowledged, in whatever order replies arrive', () => {
    fc.assert(
      fc.property(
        fc.array(fc.boolean(), { minLength: 1, maxLength: 12 }).chain((endsTransaction) =>
          fc.tuple(
            fc.constant(endsTransaction),
            fc.shuffledSubarray(
              endsTransaction.map((_, index) => index + 1),
              { minLength: endsTransaction.length },
            ),
          ),
        ),
        ([endsTransaction, order]) => {
          const window = new InFlightWindow();
          endsTransaction.forEach((ends, index) => {
            window.add({
              seq: index + 1,
              commands: [],
              lookups: [],
              marks: [],
              bytes: 10,
              ...(ends ? { resumeAfter: position(index + 1) } : {}),
            });
          });
          const acknowledged = new Set<number>();
          let reached = 0;
          for (const seq of order) {
            acknowledged.add(seq);
            const moved = window.acknowledge(seq);
            if (moved !== undefined) {
              expect(moved.offset).toBeGreaterThan(reached);
              reached = moved.offset;
            }
            for (let earlier = 1; earlier <= reached; earlier += 1) expect(acknowledged).toContain(earlier);
          }
          expect(reached).toBe(endsTransaction.lastIndexOf(true) + 1);
          expect(window.bytes).toBe(0);
        },
      ),
    );
  });

  it('keeps little behind a batch that takes long, and moves over all of it at once', () => {
    const window = new InFlightWindow();
    for (let seq = 1; seq <= 1000; seq += 1) {
      window.add({ seq, commands: [], lookups: [], marks: [], bytes: 10, resumeAfter: position(seq) });
      if (seq > 1) expect(window.acknowledge(seq)).toBeUndefined();
    }
    expect(window.bytes).toBe(10_000);
    expect(() => window.acknowledge(1000)).toThrow(RangeError);
    expect(window.acknowledge(1)?.offset).toBe(1000);
    expect(window.bytes).toBe(0);
  });

  it('reports the oldest commit that is not acknowledged', () => {
    const window = new InFlightWindow();
    window.add({ seq: 1, commands: [], lookups: [], marks: [], bytes: 1, oldestCommitAt: 100 });
    window.add({ seq: 2, commands: [], lookups: [], marks: [], bytes: 1, oldestCommitAt: 200 });
    expect(window.oldestCommitAt).toBe(100);
    window.acknowledge(1);
    expect(window.oldestCommitAt).toBe(200);
  });

  it('refuses an acknowledgement of a batch that was never sent', () => {
    expect(() => new InFlightWindow().acknowledge(7)).toThrow(RangeError);
  });
});
