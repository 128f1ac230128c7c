import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { anyChange, anyHistory, anyRules, unrestrictedRules } from '../../test/support/any-mapping.ts';
import { lines, mapped, tableRule } from '../../test/support/planned-rules.ts';
import { referenceCommands } from '../../test/support/reference-mapping.ts';
import { answered, leftInCache, seen } from '../../test/support/simulated-cache.ts';
import { compilePlan } from './plan.ts';

const RUNS = 500;
/** ms; a machine that does much else takes long. */
const TIMEOUT = 60_000;

describe('for any rules and any changes', { timeout: TIMEOUT }, () => {
  it('the commands are those of the obvious evaluation', () => {
    fc.assert(
      fc.property(anyRules, fc.array(anyChange, { minLength: 1, maxLength: 6 }), (rules, transaction) => {
        const plan = compilePlan(rules.map(tableRule));
        const given = lines(plan, mapped(plan, transaction));
        const wanted = referenceCommands(rules, transaction);
        expect({
          missing: [...wanted].filter((line) => !given.has(line)),
          surplus: [...given].filter((line) => !wanted.has(line)),
        }).toEqual({ missing: [], surplus: [] });
      }),
      { numRuns: RUNS },
    );
  });

  it('one plan gives the same for a change whatever it mapped before', () => {
    fc.assert(
      fc.property(anyRules, fc.array(anyChange, { minLength: 2, maxLength: 6 }), (rules, transaction) => {
        const unlimited = rules.map((rule) => ({ ...rule, maxKeys: 1_000 }));
        const plan = compilePlan(unlimited.map(tableRule));
        const together = mapped(plan, transaction).commands;
        const apart = transaction.flatMap(
          (one) => mapped(compilePlan(unlimited.map(tableRule)), [one]).commands,
        );
        expect(together).toEqual(apart);
      }),
    );
  });

  it('no key of an older state of a changed row is left', () => {
    fc.assert(
      fc.property(unrestrictedRules, anyHistory, (rules, history) => {
        const plan = compilePlan(rules.map(tableRule));
        for (const transaction of history) {
          const commands = answered(plan, mapped(plan, transaction.map(seen)));
          expect(leftInCache(rules, transaction, commands)).toEqual([]);
        }
      }),
      { numRuns: RUNS },
    );
  });
});
