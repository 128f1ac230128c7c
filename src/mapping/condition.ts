import type { ColumnValue, RowChange, RowImage } from '../change/row-change.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { BOUNDS, compileComparison } from './condition-comparison.ts';
import type { Comparison, Verdict } from './condition-comparison.ts';

/** Tests of one row image, all of which have to hold. Without any, every image satisfies it. */
export type ImageCondition = readonly {
  readonly column: string;
  readonly tests: readonly Comparison[];
}[];

/**
 * Which changes of a table a rule reacts to: those that satisfy all parts. What is not known for certain counts as
 * satisfied. Plain data, so that it can be sent between threads.
 */
export interface RuleCondition {
  /** An update changes at least one of these columns; inserts and deletes pass. */
  readonly changed?: readonly string[];
  /** At least one of the change's images satisfies it. */
  readonly image?: ImageCondition;
  /** The image before satisfies it; an insert has none, and passes only without tests. */
  readonly old?: ImageCondition;
  /** The image after satisfies it; a delete has none, and passes only without tests. */
  readonly new?: ImageCondition;
}

/**
 * What a condition does with a column: `changed`: it compares the two images of an update; `null`: it only asks for
 * NULL; `equality` and `range`: it compares the value with constants.
 */
export interface ColumnUse {
  readonly column: string;
  readonly use: 'changed' | 'null' | 'equality' | 'range';
}

/** Every use of a column, with repetitions. */
export function conditionUses(condition: RuleCondition): ColumnUse[] {
  const { changed = [] } = condition;
  const compared = [condition.image, condition.old, condition.new].flatMap((image = []) =>
    image.flatMap(({ column, tests }) => tests.map((test): ColumnUse => ({ column, use: useOf(test) }))),
  );
  return [...changed.map((column): ColumnUse => ({ column, use: 'changed' })), ...compared];
}

/** The columns that a condition needs, each once. */
export function conditionColumns(condition: RuleCondition): string[] {
  return [...new Set(conditionUses(condition).map(({ column }) => column))];
}

/**
 * Compiles a condition against the columns that a table's row images hold, in their order. The result says whether a
 * change passes, and never says no where a column that decides is not known.
 * @throws UnstaleError UNSTALE_INTERNAL if `columns` lacks one of `conditionColumns`
 */
export function compileCondition(
  condition: RuleCondition,
  columns: readonly string[],
): (change: RowChange) => boolean {
  const { changed = [], image = [], old = [], new: current = [] } = condition;
  const parts: ((change: RowChange) => boolean)[] = [];
  if (changed.length > 0) {
    const indexes = changed.map((column) => columnIndex(columns, column));
    parts.push((change) => change.op !== 'update' || isChanged(change.before, change.after, indexes));
  }
  if (hasTests(image)) {
    const satisfies = compileImage(image, columns);
    parts.push(
      (change) =>
        (change.op !== 'insert' && satisfies(change.before)) ||
        (change.op !== 'delete' && satisfies(change.after)),
    );
  }
  if (hasTests(old)) {
    const satisfies = compileImage(old, columns);
    parts.push((change) => change.op !== 'insert' && satisfies(change.before));
  }
  if (hasTests(current)) {
    const satisfies = compileImage(current, columns);
    parts.push((change) => change.op !== 'delete' && satisfies(change.after));
  }
  const [only, ...others] = parts;
  if (only !== undefined && others.length === 0) return only;
  return (change) => {
    for (const passes of parts) if (!passes(change)) return false;
    return true;
  };
}

/** What a condition does, as text: equal for two that do the same, in whatever order they are written. */
export function canonicalCondition(condition: RuleCondition): string {
  return JSON.stringify([
    uniqueSorted(condition.changed ?? []),
    canonicalImage(condition.image),
    canonicalImage(condition.old),
    canonicalImage(condition.new),
  ]);
}

/**
 * The place of a column in row images. Names are compared without case, and the first one counts, as where images
 * are decoded.
 * @throws UnstaleError UNSTALE_INTERNAL if the images do not hold it
 */
export function columnIndex(columns: readonly string[], column: string): number {
  const name = column.toLowerCase();
  const index = columns.findIndex((other) => other.toLowerCase() === name);
  if (index === -1) throw new UnstaleError('UNSTALE_INTERNAL', `column ${column} is not read`);
  return index;
}

/** Whether an image can fail the condition at all. */
export function hasTests(condition: ImageCondition): boolean {
  return condition.some(({ tests }) => tests.length > 0);
}

/** Whether an update changes one of the columns at these places; one that an image lacks counts as changed. */
export function isChanged(before: RowImage, after: RowImage, indexes: readonly number[]): boolean {
  for (const index of indexes) {
    const old = before[index];
    const current = after[index];
    if (old === undefined || current === undefined || !isSame(old, current)) return true;
  }
  return false;
}

function isSame(one: ColumnValue, other: ColumnValue): boolean {
  if (one instanceof Uint8Array && other instanceof Uint8Array) return Buffer.compare(one, other) === 0;
  return Object.is(one, other);
}

/** Only what is certain makes an image fail. */
function compileImage(condition: ImageCondition, columns: readonly string[]): (image: RowImage) => boolean {
  const verdicts = compileVerdicts(condition, columns);
  return (image) => !verdicts(image, 'no');
}

/** Whether an image satisfies all tests for certain. @throws as `compileCondition`. */
export function compileCertainty(
  condition: ImageCondition,
  columns: readonly string[],
): (image: RowImage) => boolean {
  const verdicts = compileVerdicts(condition, columns);
  return (image) => !verdicts(image, 'no') && !verdicts(image, 'unknown');
}

/** Whether one of the tests has this verdict. */
function compileVerdicts(
  condition: ImageCondition,
  columns: readonly string[],
): (image: RowImage, verdict: Verdict) => boolean {
  const tests = condition.flatMap(({ column, tests }) => {
    const index = columnIndex(columns, column);
    return tests.map((test): { index: number; verdictOf: (value: ColumnValue) => Verdict } => ({
      index,
      verdictOf: compileComparison(test),
    }));
  });
  return (image, verdict) => {
    for (const { index, verdictOf } of tests) if (verdictOf(image[index]) === verdict) return true;
    return false;
  };
}

function useOf(test: Comparison): ColumnUse['use'] {
  switch (test.op) {
    case 'null':
    case 'not-null':
      return 'null';
    case 'range':
      return 'range';
    case 'eq':
    case 'in':
    case 'not':
      return 'equality';
  }
}

function canonicalImage(image: ImageCondition = []): string[] {
  return uniqueSorted(
    image.flatMap(({ column, tests }) => tests.map((test) => JSON.stringify([column, canonicalTest(test)]))),
  );
}

function canonicalTest(test: Comparison): unknown {
  switch (test.op) {
    case 'null':
    case 'not-null':
      return [test.op];
    case 'eq':
      return ['in', [test.value]];
    case 'in':
    case 'not':
      return [test.op, uniqueSorted(test.values)];
    case 'range':
      return ['range', BOUNDS.map((bound) => test[bound] ?? null)];
  }
}

function uniqueSorted(texts: readonly string[]): string[] {
  return [...new Set(texts)].toSorted();
}
