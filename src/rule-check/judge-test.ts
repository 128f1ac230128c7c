import type { ColumnFacts } from '../binlog/preflight/column-type.ts';
import { BOUNDS } from '../mapping/condition-comparison.ts';
import type { Bound, Comparison } from '../mapping/condition-comparison.ts';
import { parseConstant } from '../mapping/condition-constant.ts';
import { compareDecimals } from '../mapping/condition-decimal.ts';
import { parseTemporal } from '../mapping/condition-temporal.ts';
import { judgeValue, numberRange } from './judge-value.ts';
import type { ServerLimits } from './judge-value.ts';

/**
 * What the type of a column says of a test: it holds `never`, `always`, or (`partly`) as if some of its values were not there.
 * `because` follows the type's name, as in `INT, and 1.5 is no integer`.
 */
export interface TestJudgement {
  readonly holds: 'never' | 'always' | 'partly';
  readonly because: string;
}

const TEMPORAL_TYPES: ReadonlySet<string> = new Set(['date', 'datetime', 'timestamp', 'time']);
const TEXT_TYPES: ReadonlySet<string> = new Set([
  'char',
  'varchar',
  'tinytext',
  'text',
  'mediumtext',
  'longtext',
  'enum',
  'set',
]);

/** Undefined if rows decide. */
export function judgeTest(
  column: ColumnFacts,
  test: Comparison,
  limits: ServerLimits,
): TestJudgement | undefined {
  switch (test.op) {
    case 'null':
      return column.nullable ? undefined : { holds: 'never', because: 'it is NOT NULL' };
    case 'not-null':
      return column.nullable ? undefined : { holds: 'always', because: 'it is NOT NULL' };
    case 'eq':
      return judgeListed(column, [test.value], limits);
    case 'in':
      return judgeListed(column, test.values, limits);
    case 'not':
      return judgeExcluded(column, test.values, limits);
    case 'range':
      return judgeRange(column, test, limits);
  }
}

function judgeListed(
  column: ColumnFacts,
  values: readonly string[],
  limits: ServerLimits,
): TestJudgement | undefined {
  const judgements = values.map((value) => judgeValue(column, value, limits));
  const unclear = judgements.find((judgement) => judgement?.holds === 'unclear');
  if (unclear !== undefined) return { holds: 'always', because: unclear.because };
  const stray = judgements.flatMap((judgement) => (judgement === undefined ? [] : [judgement.because]));
  if (stray.length === 0) return undefined;
  return { holds: stray.length === values.length ? 'never' : 'partly', because: stray.join('; ') };
}

/** What no value is excludes nothing; NULL is not excluded either. */
function judgeExcluded(
  column: ColumnFacts,
  values: readonly string[],
  limits: ServerLimits,
): TestJudgement | undefined {
  const judgements = values.map((value) => judgeValue(column, value, limits));
  const stray = judgements.flatMap((judgement) => (judgement === undefined ? [] : [judgement.because]));
  if (stray.length === 0) return undefined;
  // Where one cannot be compared, all values may be excluded or not, which passes.
  const isAll =
    stray.length === values.length || judgements.some((judgement) => judgement?.holds === 'unclear');
  return { holds: isAll ? 'always' : 'partly', because: stray.join('; ') };
}

function judgeRange(
  column: ColumnFacts,
  range: Readonly<Partial<Record<Bound, string>>>,
  limits: ServerLimits,
): TestJudgement | undefined {
  const bounds = BOUNDS.flatMap((bound) => {
    const text = range[bound];
    return text === undefined ? [] : [{ bound, text }];
  });
  for (const { bound, text } of bounds) {
    if (TEXT_TYPES.has(column.dataType)) {
      return { holds: 'always', because: 'ranges are for numbers, dates and times' };
    }
    if (isOtherKind(column, text)) return { holds: 'always', because: `${text} is of another kind` };
    if (excludesAll(column, bound, text, limits)) {
      return { holds: 'never', because: `${text} is at or beyond the end of its range` };
    }
  }
  return undefined;
}

/** Whether the order of the column's values and the bound is not known. */
function isOtherKind({ dataType }: ColumnFacts, text: string): boolean {
  const temporal = parseTemporal(text);
  if (!TEMPORAL_TYPES.has(dataType)) return parseConstant(text).decimal === undefined;
  return temporal === undefined || (temporal.kind === 'time') !== (dataType === 'time');
}

function excludesAll(column: ColumnFacts, bound: Bound, text: string, limits: ServerLimits): boolean {
  const numbers = numberRange(column);
  const { decimal } = parseConstant(text);
  if (numbers !== undefined && decimal !== undefined) {
    const [lowest, highest] = numbers;
    return isBeyond(bound, compareDecimals(decimal, lowest), compareDecimals(decimal, highest));
  }
  const temporal = parseTemporal(text);
  if (column.dataType !== 'timestamp' || temporal?.kind !== 'moment') return false;
  const { latestTimestamp } = limits;
  // At the other end are the zeros that stand for no moment.
  return isBeyond(bound, 1, temporal.text.slice(0, latestTimestamp.length) > latestTimestamp ? 1 : -1);
}

/** Whether no value satisfies a bound, from its order to the lowest and to the highest value. */
function isBeyond(bound: Bound, toLowest: number, toHighest: number): boolean {
  switch (bound) {
    case 'gt':
      return toHighest >= 0;
    case 'gte':
      return toHighest > 0;
    case 'lt':
      return toLowest <= 0;
    case 'lte':
      return toLowest < 0;
  }
}
