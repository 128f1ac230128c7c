import type { ColumnValue } from '../change/row-change.ts';
import { equality, order, parseConstant } from './condition-constant.ts';

/** How the value of a column is tested. Values are text as the configuration has it; `range` holds all its bounds. */
export type Comparison =
  | { readonly op: 'eq'; readonly value: string }
  | { readonly op: 'in'; readonly values: readonly string[] }
  | { readonly op: 'not'; readonly values: readonly string[] }
  | { readonly op: 'null' }
  | { readonly op: 'not-null' }
  | ({ readonly op: 'range' } & Readonly<Partial<Record<Bound, string>>>);

/** The bounds of a range: greater than, greater than or equal to, less than, less than or equal to. */
export const BOUNDS = ['gt', 'gte', 'lt', 'lte'] as const;
export type Bound = (typeof BOUNDS)[number];

/** `unknown`: the row image does not hold the value, or it cannot be compared without knowing the column. */
export type Verdict = 'yes' | 'no' | 'unknown';

/** Compiles a test. SQL NULL satisfies `null` and `not`, and nothing else. */
export function compileComparison(comparison: Comparison): (value: ColumnValue) => Verdict {
  switch (comparison.op) {
    case 'null':
      return (value) => (value === undefined ? 'unknown' : value === null ? 'yes' : 'no');
    case 'not-null':
      return (value) => (value === undefined ? 'unknown' : value === null ? 'no' : 'yes');
    case 'eq':
      return comparable('no', oneOf([comparison.value]));
    case 'in':
      return comparable('no', oneOf(comparison.values));
    case 'not': {
      const isListed = oneOf(comparison.values);
      return comparable('yes', (value) => NEGATED[isListed(value)]);
    }
    case 'range':
      return comparable('no', within(comparison));
  }
}

const NEGATED: Readonly<Record<Verdict, Verdict>> = { yes: 'no', no: 'yes', unknown: 'unknown' };

type Comparable = (value: string | number) => Verdict;

/** Bytes are never compared. */
function comparable(ofNull: Verdict, test: Comparable): (value: ColumnValue) => Verdict {
  return (value) => {
    if (value === null) return ofNull;
    return typeof value === 'string' || typeof value === 'number' ? test(value) : 'unknown';
  };
}

function oneOf(values: readonly string[]): Comparable {
  const constants = values.map(parseConstant);
  return (value) => {
    let verdict: Verdict = 'no';
    for (const constant of constants) {
      const equal = equality(value, constant);
      if (equal === 'equal') return 'yes';
      if (equal === 'similar') verdict = 'unknown';
    }
    return verdict;
  };
}

const HOLDS: Readonly<Record<Bound, (order: number) => boolean>> = {
  gt: (order) => order > 0,
  gte: (order) => order >= 0,
  lt: (order) => order < 0,
  lte: (order) => order <= 0,
};

function within(range: Readonly<Partial<Record<Bound, string>>>): Comparable {
  const bounds = BOUNDS.flatMap((bound) => {
    const text = range[bound];
    return text === undefined ? [] : [{ holds: HOLDS[bound], constant: parseConstant(text) }];
  });
  return (value) => {
    let verdict: Verdict = 'yes';
    for (const { holds, constant } of bounds) {
      const compared = order(value, constant);
      if (compared === undefined) verdict = 'unknown';
      else if (!holds(compared)) return 'no';
    }
    return verdict;
  };
}
