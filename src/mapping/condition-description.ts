import type { ColumnValue, RowChange, RowImage } from '../change/row-change.ts';
import { columnIndex, hasTests, isChanged } from './condition.ts';
import type { ImageCondition, RuleCondition } from './condition.ts';
import { BOUNDS, compileComparison } from './condition-comparison.ts';
import type { Bound, Comparison } from './condition-comparison.ts';

/**
 * Why a change does not pass a condition, in plain words, e.g. `status is "draft", not active`; undefined if it
 * passes. `columns` are those of the change's images, as for `compileCondition`. Holds values of the row.
 */
export function describeCondition(
  condition: RuleCondition,
  change: RowChange,
  columns: readonly string[],
): string | undefined {
  const { changed = [], image = [], old = [], new: current = [] } = condition;
  if (changed.length > 0 && change.op === 'update') {
    const indexes = changed.map((column) => columnIndex(columns, column));
    if (!isChanged(change.before, change.after, indexes)) {
      return changed.length === 1 ? `${changed[0]} did not change` : `none of ${changed.join(', ')} changed`;
    }
  }
  return (
    describeEither(image, change, columns) ??
    describeOnly('old', old, change.op === 'insert' ? undefined : change.before, columns) ??
    describeOnly('new', current, change.op === 'delete' ? undefined : change.after, columns)
  );
}

function describeEither(
  condition: ImageCondition,
  change: RowChange,
  columns: readonly string[],
): string | undefined {
  const before = change.op === 'insert' ? undefined : describeImage(condition, change.before, columns);
  const after = change.op === 'delete' ? undefined : describeImage(condition, change.after, columns);
  if (change.op !== 'update') return before ?? after;
  if (before === undefined || after === undefined) return undefined;
  return before === after ? before : `in the old image ${before}; in the new image ${after}`;
}

function describeOnly(
  name: 'old' | 'new',
  condition: ImageCondition,
  image: RowImage | undefined,
  columns: readonly string[],
): string | undefined {
  if (!hasTests(condition)) return undefined;
  if (image === undefined) return name === 'old' ? 'an insert has no old image' : 'a delete has no new image';
  const reason = describeImage(condition, image, columns);
  return reason === undefined ? undefined : `in the ${name} image ${reason}`;
}

/** The first test that certainly fails. */
function describeImage(
  condition: ImageCondition,
  image: RowImage,
  columns: readonly string[],
): string | undefined {
  for (const { column, tests } of condition) {
    const value = image[columnIndex(columns, column)];
    const failed = tests.find((test) => compileComparison(test)(value) === 'no');
    if (failed !== undefined) return `${column} is ${formatValue(value)}${formatExpected(failed)}`;
  }
  return undefined;
}

function formatValue(value: ColumnValue): string {
  if (value === null) return 'NULL';
  if (value instanceof Uint8Array) return 'bytes';
  return typeof value === 'string' ? JSON.stringify(value) : String(value);
}

const BOUND_WORDS: Readonly<Record<Bound, string>> = {
  gt: 'above',
  gte: 'at least',
  lt: 'below',
  lte: 'at most',
};

function formatExpected(test: Comparison): string {
  switch (test.op) {
    case 'eq':
      return `, not ${formatConstant(test.value)}`;
    case 'in':
      return `, not ${test.values.map(formatConstant).join(' or ')}`;
    case 'not':
      return ', which is excluded';
    case 'null':
      return ', not NULL';
    case 'not-null':
      return '';
    case 'range': {
      const bounds = BOUNDS.flatMap((bound) => {
        const text = test[bound];
        return text === undefined ? [] : [`${BOUND_WORDS[bound]} ${formatConstant(text)}`];
      });
      return `, not ${bounds.join(' and ')}`;
    }
  }
}

/** As the rule has it, in quotes where its end would not be seen. */
function formatConstant(text: string): string {
  return /^[\p{L}\p{N}_.:+-]+$/u.test(text) ? text : JSON.stringify(text);
}
