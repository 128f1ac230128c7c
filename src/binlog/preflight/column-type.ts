import type { Filter } from '../../change/filter.ts';

/** A column as information_schema describes it. */
export interface ColumnFacts {
  readonly name: string;
  /** `DATA_TYPE` in lower case, e.g. `varchar`. */
  readonly dataType: string;
  /** `COLUMN_TYPE`, e.g. `int(5) unsigned zerofill`. */
  readonly columnType: string;
  readonly nullable: boolean;
  /** Or in the unique key without NULL that stands for it. */
  readonly inPrimaryKey: boolean;
  /** Computed from other columns; false unless given. */
  readonly generated?: boolean;
}

/** A column by its name, in any case. */
export function columnNamed(columns: readonly ColumnFacts[], name: string): ColumnFacts | undefined {
  return columns.find((column) => column.name.toLowerCase() === name.toLowerCase());
}

/** Types whose text form is the same in the binlog and in a SELECT; what is not here is refused. */
const EXACT_TYPES: ReadonlySet<string> = new Set(
  [
    ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'year'],
    ['char', 'varchar', 'tinytext', 'text', 'mediumtext', 'longtext', 'enum', 'set'],
    ['date', 'time', 'datetime', 'timestamp'],
    // MariaDB's, whose types come from the catalogue.
    ['uuid', 'inet4', 'inet6'],
  ].flat(),
);

const BINARY =
  'it holds bytes, which have no text form that every application writes alike. Write a filter behind its name, such as hex, base64 or uuid';

const BINARY_TYPES = ['binary', 'varbinary', 'tinyblob', 'blob', 'mediumblob', 'longblob'];
const TEMPORAL_TYPES = ['date', 'time', 'datetime', 'timestamp'];
const NUMERIC_TYPES = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'decimal', 'year'];

/** Filters that make text of bytes. */
const ENCODINGS: ReadonlySet<Filter['kind']> = new Set(['hex', 'base64', 'uuid', 'sha1', 'sha256']);

const REFUSALS: ReadonlyMap<string, string> = new Map([
  ['float', 'its value in the binlog is not the text that a SELECT gives. Use DECIMAL'],
  ['double', 'its text form differs between programs. Use DECIMAL'],
  ['json', 'its text form differs between programs. Use a generated column of the path that you need'],
  ['bit', 'it holds bytes, not a number. Use an integer type'],
  ...BINARY_TYPES.map((type) => [type, BINARY] as const),
]);

/**
 * Why a column cannot stand in a key with these filters and what to use instead, to follow its type's name;
 * undefined if it can.
 */
export function keyColumnRefusal(
  { dataType, columnType }: ColumnFacts,
  filters: readonly Filter[],
): string | undefined {
  // Only this one sees the column's own value; `default` hands it on.
  const first = filters.find(({ kind }) => kind !== 'default')?.kind;
  if (first === 'uuid' && columnType.toLowerCase() !== 'binary(16)') {
    return 'the filter uuid takes BINARY(16)';
  }
  if (first === 'date' && !TEMPORAL_TYPES.includes(dataType)) {
    return 'the filter date takes DATE, DATETIME, TIMESTAMP and TIME';
  }
  if (first === 'hex' && NUMERIC_TYPES.includes(dataType)) {
    return 'the filter hex takes text and bytes, no numbers';
  }
  if (first !== undefined && ENCODINGS.has(first) && BINARY_TYPES.includes(dataType)) return undefined;
  if (dataType === 'decimal' && isZerofill(columnType)) {
    return 'a SELECT gives leading zeros, which the binlog does not hold. Drop ZEROFILL';
  }
  if (EXACT_TYPES.has(dataType)) return undefined;
  return (
    REFUSALS.get(dataType) ?? 'it has no exact text form. Use a column of integers, DECIMAL, text or dates'
  );
}

/** How the text of a column in a key may differ from what the application sees; undefined if it cannot. */
export function keyColumnCaveat(
  { dataType, columnType }: ColumnFacts,
  filters: readonly Filter[],
): string | undefined {
  if (isZerofill(columnType) && !filters.some(({ kind }) => kind === 'pad'))
    return 'its value stands in keys without leading zeros';
  if (dataType === 'timestamp')
    return 'its value stands in keys as UTC, whatever time zone the application uses';
  return undefined;
}

/** Whether the binlog gives values of the column that compare as they do in SQL. */
export function isComparable({ dataType }: ColumnFacts, compares: 'value' | 'change'): boolean {
  if (EXACT_TYPES.has(dataType) || dataType === 'double') return true;
  return compares === 'change' && BINARY_TYPES.includes(dataType);
}

/** How a column is written in a value; see the mapping's formats. */
export type ColumnFormat = 'auto' | 'text' | 'number' | 'boolean' | 'json' | 'iso' | 'utc' | 'base64' | 'hex';

/** Why a column cannot stand in a value in this format, and what to use instead; undefined if it can. */
export function valueColumnRefusal({ dataType }: ColumnFacts, format: ColumnFormat): string | undefined {
  if (BINARY_TYPES.includes(dataType)) {
    return format === 'base64' || format === 'hex'
      ? undefined
      : 'it holds bytes. Write {column: …, format: base64} or hex';
  }
  if (!EXACT_TYPES.has(dataType) && dataType !== 'double')
    return 'its value is not in the binlog as a SELECT gives it. Leave it out, or let the rule delete';
  switch (format) {
    case 'auto':
    case 'text':
    case 'base64':
    case 'hex':
      return undefined;
    case 'number':
    case 'boolean':
      return NUMERIC_TYPES.includes(dataType) || dataType === 'double'
        ? undefined
        : `the format ${format} takes numbers`;
    case 'json':
      return dataType.endsWith('text') || dataType === 'varchar' ? undefined : 'the format json takes text';
    case 'iso':
    case 'utc':
      return TEMPORAL_TYPES.includes(dataType) && dataType !== 'time'
        ? undefined
        : `the format ${format} takes DATE, DATETIME and TIMESTAMP`;
  }
}

const VERSION_TYPES = ['tinyint', 'smallint', 'mediumint', 'int', 'bigint', 'datetime', 'timestamp'];

/** Why a column cannot order the values of a key; undefined if it can. */
export function versionColumnRefusal({ dataType }: ColumnFacts): string | undefined {
  if (VERSION_TYPES.includes(dataType)) return undefined;
  return 'use a BIGINT UNSIGNED that grows with each change of the row, or DATETIME(6)';
}

/** How two changes of a row may come to the same version, or to one in the wrong order; undefined if they cannot. */
export function versionColumnCaveat({ dataType, columnType, nullable }: ColumnFacts): string | undefined {
  const isTime = dataType === 'datetime' || dataType === 'timestamp';
  if (isTime && !columnType.includes('(6)'))
    return 'two changes within its precision have the same version. Use a BIGINT UNSIGNED, or DATETIME(6)';
  if (isTime)
    return 'NOW(6) is the time at which a statement begins, so that it can fall where statements wait for locks. Keys are removed then';
  return nullable ? 'a row with NULL has no version, and its value is never stored' : undefined;
}

/** MariaDB's temporal types of before 10.0, which tables keep until they are rebuilt. */
export function isOldTemporal({ columnType }: ColumnFacts): boolean {
  return columnType.includes('/* mariadb-5.3 */');
}

function isZerofill(columnType: string): boolean {
  return /\bzerofill\b/i.test(columnType);
}
