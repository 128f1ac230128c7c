import type { MappingPlan } from '../mapping/plan.ts';
import { canonicalRule } from '../mapping/rule.ts';

/** More deletes in a second than there can be; finite, because rates are multiplied by a time that may be 0. */
const UNLIMITED = 1e9;

/**
 * The limits, in deletes a second, of the rules of one plan after another one has taken its place: those of the rules
 * that do the same there. A rule that has no such one is left out, and keeps its limit.
 */
export function ratesAfter(before: MappingPlan, after: MappingPlan): ReadonlyMap<string, number> {
  const limits = new Map(
    after.rules.map((rule) => [canonicalRule(rule), rule.maxDeletesPerSecond ?? UNLIMITED]),
  );
  const rates = new Map<string, number>();
  for (const rule of before.rules) {
    const rate = limits.get(canonicalRule(rule));
    if (rate !== undefined) rates.set(rule.id, rate);
  }
  return rates;
}
