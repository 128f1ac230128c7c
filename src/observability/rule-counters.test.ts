import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { RuleCounters } from './rule-counters.ts';
import type { CountedCommand } from './rule-counters.ts';

const of = (rule: string, kind: CountedCommand['kind'], count = 1): CountedCommand[] =>
  Array.from({ length: count }, () => ({ kind, rule }));

describe('the counters of rules', () => {
  it('are exact for the commands of one rule', () => {
    const counters = new RuleCounters();
    counters.applied(of('a', 'delete', 5), { removed: 2 });
    counters.applied(of('b', 'update', 4), {
      removed: 0,
      updates: { stored: 1, skipped: 1, dropped: 1, refused: 1 },
    });
    expect(counters.of('a')).toMatchObject({ deleted: 2, absent: 3, uncertain: 0 });
    expect(counters.of('b')).toMatchObject({ stored: 1, not_stored: 3, deleted: 0, absent: 0 });
  });

  it('are exact for several rules if all keys were there, or none', () => {
    const counters = new RuleCounters();
    const commands = [...of('a', 'delete', 2), ...of('b', 'delete')];
    counters.applied(commands, { removed: 3 });
    counters.applied(commands, { removed: 0 });
    expect(counters.of('a')).toMatchObject({ deleted: 2, absent: 2, uncertain: 0 });
    expect(counters.of('b')).toMatchObject({ deleted: 1, absent: 1, uncertain: 0 });
  });

  it('say so where Redis tells only the sum', () => {
    const counters = new RuleCounters();
    counters.applied([...of('a', 'delete', 2), ...of('b', 'delete')], { removed: 1 });
    expect(counters.of('a')).toMatchObject({ deleted: 0, absent: 0, uncertain: 2 });
    expect(counters.of('b')).toMatchObject({ uncertain: 1 });
  });

  it('count scopes, generations, sets and what is refused for good', () => {
    const counters = new RuleCounters();
    counters.applied([...of('a', 'scope'), ...of('a', 'generation'), ...of('a', 'set-keys')], { removed: 0 });
    counters.poisoned({ rule: 'a', kind: 'delete' });
    expect(counters.of('a')).toMatchObject({ scopes: 1, other: 2, poisoned: 1 });
    counters.reset();
    expect(counters.of('a')).toBeUndefined();
  });

  it('leave no command out and count none twice', () => {
    const kinds = fc.constantFrom('delete', 'update', 'set-keys', 'generation', 'scope');
    const commands = fc.array(fc.record({ kind: kinds, rule: fc.constantFrom('a', 'b', 'c') }));
    fc.assert(
      fc.property(commands, fc.double({ min: 0, max: 1, noNaN: true }), (sent, share) => {
        const counters = new RuleCounters();
        const deletes = sent.filter(({ kind }) => kind === 'delete').length;
        const updates = sent.length - deletes;
        counters.applied(sent, {
          removed: Math.round(deletes * share),
          updates: { stored: Math.round(updates * share), skipped: 0, dropped: 0, refused: 0 },
        });
        const counted = ['a', 'b', 'c'].flatMap((rule) => Object.values(counters.of(rule) ?? {}));
        expect(counted.reduce((sum, count) => sum + count, 0)).toBe(sent.length);
      }),
    );
  });
});
