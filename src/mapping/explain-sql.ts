import type { Filter } from '../change/filter.ts';
import type { KeyCandidate } from './explain-match.ts';
import { textOf } from './explain-reverse.ts';
import type { ValueCondition } from './explain-reverse.ts';
import type { TextShape } from './explain-split.ts';

/** A column's type as information_schema.COLUMNS.DATA_TYPE has it, in lower case; undefined if it is not known. */
export type TypeOfColumn = (column: string) => string | undefined;

const INTEGER_TYPES: ReadonlySet<string> = new Set([
  'tinyint',
  'smallint',
  'mediumint',
  'int',
  'bigint',
  'year',
]);
const BINARY_TYPES: ReadonlySet<string> = new Set([
  'binary',
  'varbinary',
  'tinyblob',
  'blob',
  'mediumblob',
  'longblob',
]);

const INTEGER: TextShape = { min: 1, max: 20, step: 1, allowed: /[-0-9]/ };

/** What the text of a column of this type looks like; undefined if that is not known. */
export function shapeOfType(type: string | undefined): TextShape | undefined {
  return type !== undefined && INTEGER_TYPES.has(type) ? INTEGER : undefined;
}

/**
 * What rows give a key by this candidate, as a condition of SQL; undefined if SQL cannot say it, and `false` if the types of the
 * columns exclude it. Rows may satisfy the condition and still give another key, because a collation finds more texts equal; every row
 * that gives the key satisfies it. Times of TIMESTAMP columns are in UTC.
 */
export function candidateSql(candidate: KeyCandidate, typeOf: TypeOfColumn): string | false | undefined {
  const texts: string[] = [];
  for (const { ref, condition } of candidate) {
    if (ref.kind === 'lookup') return undefined;
    if (ref.kind !== 'column') continue;
    const text = conditionSql(ref.name, condition, typeOf(ref.name));
    if (text === undefined || text === false) return text;
    texts.push(text);
  }
  return texts.length === 0 ? 'TRUE' : [...new Set(texts)].join(' AND ');
}

/** The same for one value; `name` is a column's. */
export function conditionSql(
  name: string,
  { filters, values, orNull }: ValueCondition,
  type: string | undefined,
): string | false | undefined {
  const column = `\`${name.replaceAll('`', '``')}\``;
  const expression = filteredSql(column, filters, type);
  if (expression === undefined) return undefined;
  const ownType = filters.length === 0 ? type : undefined;
  const literals = values.map((value) => literalSql(value, ownType)).filter((text) => text !== undefined);
  const [only, ...others] = [...new Set(literals)];
  const isNull = orNull ? `${column} IS NULL` : undefined;
  if (only === undefined) return isNull ?? false;
  const equal =
    others.length === 0 ? `${expression} = ${only}` : `${expression} IN (${[only, ...others].join(', ')})`;
  return isNull === undefined ? equal : `(${equal} OR ${isNull})`;
}

/** A value for SQL, with backslashes as escapes; undefined if a column of the type cannot hold it. */
export function literalSql(value: string | Uint8Array, type: string | undefined): string | undefined {
  const isBinary = type !== undefined && BINARY_TYPES.has(type);
  if (typeof value !== 'string') {
    const text = type === undefined || isBinary ? undefined : textOf(value);
    if (text !== undefined) return literalSql(text, type);
    return type === undefined || isBinary
      ? `X'${Buffer.from(value).toString('hex').toUpperCase()}'`
      : undefined;
  }
  if (isBinary) return undefined;
  if (type !== undefined && INTEGER_TYPES.has(type)) return /^-?\d+$/.test(value) ? value : undefined;
  return `'${Array.from(value, (char) => ESCAPES.get(char) ?? char).join('')}'`;
}

const ESCAPES: ReadonlyMap<string, string> = new Map([
  ['\0', String.raw`\0`],
  ['\n', String.raw`\n`],
  ['\r', String.raw`\r`],
  ['\u001a', String.raw`\Z`],
  ['\\', '\\\\'],
  ["'", "''"],
]);

/** What filters make of a column, as SQL. */
function filteredSql(
  column: string,
  filters: readonly Filter[],
  type: string | undefined,
): string | undefined {
  let sql: string | undefined = column;
  let isBinary = type !== undefined && BINARY_TYPES.has(type);
  for (const filter of filters) {
    if (sql === undefined) return undefined;
    sql = filterSql(sql, filter, { isBinary, isTime: type === 'time' });
    if (filter.kind !== 'default') isBinary = false;
  }
  return sql;
}

function filterSql(
  sql: string,
  filter: Filter,
  { isBinary, isTime }: { readonly isBinary: boolean; readonly isTime: boolean },
): string | undefined {
  switch (filter.kind) {
    case 'lower':
      return `LOWER(${sql})`;
    case 'upper':
      return `UPPER(${sql})`;
    case 'trim':
      return `TRIM(${sql})`;
    case 'pad':
      return `LPAD(${sql}, GREATEST(CHAR_LENGTH(${sql}), ${filter.width}), '0')`;
    case 'default':
      return `COALESCE(${sql}, ${literalSql(filter.text, undefined) ?? "''"})`;
    case 'date':
      return `${isTime ? 'TIME_FORMAT' : 'DATE_FORMAT'}(${sql}, ${literalSql(filter.format, undefined) ?? "''"})`;
    case 'hex':
      return `HEX(${utf8(sql, isBinary)})`;
    case 'base64':
      return `REPLACE(TO_BASE64(${utf8(sql, isBinary)}), '\\n', '')`;
    case 'sha256':
      return `SHA2(${utf8(sql, isBinary)}, 256)`;
    case 'uuid': {
      const hex = `HEX(${sql})`;
      const parts = ['1, 8', '9, 4', '13, 4', '17, 4', '21'].map((part) => `SUBSTR(${hex}, ${part})`);
      return `LOWER(CONCAT_WS('-', ${parts.join(', ')}))`;
    }
    // MySQL has had no SHA1() since 9.6, and neither server encodes URLs.
    case 'sha1':
    case 'urlencode':
      return undefined;
  }
}

/** Digests and encodings of text are those of its UTF-8. */
function utf8(sql: string, isBinary: boolean): string {
  return isBinary ? sql : `CONVERT(${sql} USING utf8mb4)`;
}
