import { TYPE } from './column-type.ts';
import { HINTED_BYTES } from './hinted-types.ts';
import type { ColumnDefinition, ColumnTypeHint } from './table-map.ts';
import type { CollationCharsets } from './text-decoder.ts';

/** A column as the server's catalogue, `information_schema.COLUMNS`, describes it. */
export interface CatalogueColumn {
  readonly name: string;
  /** `DATA_TYPE` in lower case. */
  readonly dataType: string;
  /** `COLUMN_TYPE`, e.g. `int(10) unsigned` or `enum('a','b')`. */
  readonly columnType: string;
  /** `CHARACTER_SET_NAME`; undefined for binary and other types. */
  readonly charset: string | undefined;
  /** `CHARACTER_OCTET_LENGTH`, `NUMERIC_PRECISION`, `NUMERIC_SCALE` and `DATETIME_PRECISION`; 0 where they are NULL. */
  readonly octets: number;
  readonly precision: number;
  readonly scale: number;
  readonly fraction: number;
}

/** The columns of a table, in their order. */
export type CatalogueColumns = readonly CatalogueColumn[];

/** Asks for the columns that a table has now; undefined when there is no such table. */
export type ReadCatalogue = (schema: string, table: string) => Promise<CatalogueColumns | undefined>;

export type CompletedColumns =
  | { readonly ok: true; readonly columns: readonly ColumnDefinition[] }
  /** Why the table is no longer the one of the TABLE_MAP, for people. */
  | { readonly ok: false; readonly reason: string };

/**
 * Whether rows with these columns need the catalogue to be read: names are missing, or, on MariaDB, a wanted column
 * is a binary string that may be a UUID or an INET address.
 */
export function needsCatalogue(
  columns: readonly ColumnDefinition[],
  wanted: readonly string[],
  flavour: 'mysql' | 'mariadb',
): boolean {
  const names = new Set(wanted.map((name) => name.toLowerCase()));
  return columns.some(
    (column) =>
      column.name === undefined ||
      (flavour === 'mariadb' && mayBeHinted(column) && names.has(column.name.toLowerCase())),
  );
}

/**
 * Adds to the columns of a TABLE_MAP what their server did not write into it: names, signs, character sets, labels
 * and the types behind binary strings. The catalogue tells of now, the TABLE_MAP of when the rows were written:
 * whatever differs between them is a mismatch, and a change that neither shows, such as two columns of one type that
 * swapped names, comes later in the binlog as DDL, which invalidates the table's scope. The catalogue has to be read
 * again after DDL.
 *
 * Columns that have names, those of full metadata, only get the types behind binary strings, and always match.
 */
export function completeColumns(
  columns: readonly ColumnDefinition[],
  catalogue: CatalogueColumns | undefined,
  charsets: CollationCharsets,
): CompletedColumns {
  if (!columns.some(({ name }) => name === undefined))
    return { ok: true, columns: hint(columns, catalogue ?? []) };
  if (catalogue === undefined) return { ok: false, reason: 'the table is gone' };
  if (catalogue.length !== columns.length) {
    return { ok: false, reason: `the table had ${columns.length} columns and has ${catalogue.length} now` };
  }
  const completed: ColumnDefinition[] = [];
  for (const [index, column] of columns.entries()) {
    const entry = catalogue[index];
    if (entry === undefined || !agrees(column, entry, charsets)) {
      return { ok: false, reason: `its column ${index + 1} was of another kind than ${entry?.name} is now` };
    }
    completed.push(complete(column, entry, charsets));
  }
  return { ok: true, columns: completed };
}

/** Columns are known by their name. */
function hint(
  columns: readonly ColumnDefinition[],
  catalogue: CatalogueColumns,
): readonly ColumnDefinition[] {
  const entries = new Map(catalogue.map((entry) => [entry.name.toLowerCase(), entry]));
  return columns.map((column) => {
    const entry = entries.get(column.name?.toLowerCase() ?? '');
    if (entry === undefined || !mayBeHinted(column) || !hinted(column, entry)) return column;
    return { ...column, hint: hintOf(entry) };
  });
}

function mayBeHinted({ type, collation }: ColumnDefinition): boolean {
  return type === TYPE.STRING && collation === BINARY_COLLATION;
}

function complete(
  column: ColumnDefinition,
  entry: CatalogueColumn,
  charsets: CollationCharsets,
): ColumnDefinition {
  return {
    ...column,
    name: entry.name,
    unsigned: column.unsigned ?? isUnsigned(entry),
    collation: column.collation ?? collationOf(entry, charsets),
    labels: column.labels.length > 0 ? column.labels : labelsOf(entry),
    hint: hintOf(entry),
  };
}

/** Whether rows with such a column can be rows of a table with such an entry. */
function agrees(column: ColumnDefinition, entry: CatalogueColumn, charsets: CollationCharsets): boolean {
  if (!KINDS[entry.dataType]?.(column, entry)) return false;
  if (column.unsigned !== undefined && column.unsigned !== isUnsigned(entry)) return false;
  if (column.collation === undefined || column.type === TYPE.GEOMETRY || column.type === TYPE.VECTOR)
    return true;
  const charset = charsets.get(column.collation);
  return charset === undefined || charset === (entry.charset ?? 'binary');
}

type Kind = (column: ColumnDefinition, entry: CatalogueColumn) => boolean;

/** Of one type. */
function only(...types: readonly number[]): Kind {
  return ({ type }) => types.includes(type);
}

function string(...types: readonly number[]): Kind {
  return ({ type, length }, { octets }) => types.includes(type) && length === octets;
}

function blob(prefix: number): Kind {
  return ({ type, extent }) =>
    (type === TYPE.BLOB || type === TYPE.BLOB_COMPRESSED) &&
    extent.kind === 'prefixed' &&
    extent.prefix === prefix;
}

/** With digits of a second's fraction, or of before MySQL 5.6, without. */
function temporal(type: number, old: number): Kind {
  return (column, { fraction }) =>
    (column.type === type && column.decimals === fraction) || (column.type === old && fraction === 0);
}

function fixedBytes({ extent }: ColumnDefinition): number {
  return extent.kind === 'fixed' ? extent.bytes : 0;
}

const varchar: Kind = (column, entry) =>
  string(TYPE.VARCHAR)(column, entry) || column.type === TYPE.VARCHAR_COMPRESSED;
const hinted: Kind = ({ type, length }, { dataType }) =>
  type === TYPE.STRING &&
  Object.entries(HINTED_BYTES).some(([name, bytes]) => name === dataType && bytes === length);
const geometry = only(TYPE.GEOMETRY);

/** What a `DATA_TYPE` looks like in a TABLE_MAP; a type that is not here agrees with nothing. */
const KINDS: Readonly<Record<string, Kind>> = {
  tinyint: only(TYPE.TINY),
  smallint: only(TYPE.SHORT),
  mediumint: only(TYPE.INT24),
  int: only(TYPE.LONG),
  bigint: only(TYPE.LONGLONG),
  year: only(TYPE.YEAR),
  float: only(TYPE.FLOAT),
  double: only(TYPE.DOUBLE),
  decimal: (column, { precision, scale }) =>
    column.type === TYPE.NEWDECIMAL && column.precision === precision && column.decimals === scale,
  bit: (column, { precision }) => column.type === TYPE.BIT && fixedBytes(column) === (precision + 7) >> 3,
  date: only(TYPE.DATE, TYPE.NEWDATE),
  time: temporal(TYPE.TIME2, TYPE.TIME),
  datetime: temporal(TYPE.DATETIME2, TYPE.DATETIME),
  timestamp: temporal(TYPE.TIMESTAMP2, TYPE.TIMESTAMP),
  char: string(TYPE.STRING),
  binary: string(TYPE.STRING),
  varchar,
  varbinary: varchar,
  tinytext: blob(1),
  tinyblob: blob(1),
  text: blob(2),
  blob: blob(2),
  mediumtext: blob(3),
  mediumblob: blob(3),
  longtext: blob(4),
  longblob: blob(4),
  json: only(TYPE.JSON),
  vector: only(TYPE.VECTOR),
  enum: (column, entry) =>
    column.type === TYPE.ENUM && fixedBytes(column) === (parseLabels(entry.columnType).length > 255 ? 2 : 1),
  set: (column, entry) =>
    column.type === TYPE.SET && fixedBytes(column) === setBytes(parseLabels(entry.columnType).length),
  uuid: hinted,
  inet4: hinted,
  inet6: hinted,
  geometry,
  point: geometry,
  linestring: geometry,
  polygon: geometry,
  multipoint: geometry,
  multilinestring: geometry,
  multipolygon: geometry,
  geometrycollection: geometry,
  geomcollection: geometry,
};

function setBytes(labels: number): number {
  return labels > 32 ? 8 : (labels + 7) >> 3;
}

/** YEAR and ZEROFILL columns are unsigned without saying so. */
function isUnsigned({ dataType, columnType }: CatalogueColumn): boolean {
  return dataType === 'year' || /\b(?:unsigned|zerofill)\b/i.test(columnType);
}

/** Any collation of the character set: only that matters for decoding. */
function collationOf(
  { charset, dataType }: CatalogueColumn,
  charsets: CollationCharsets,
): number | undefined {
  if (charset === undefined) return BINARY_TYPES.test(dataType) ? BINARY_COLLATION : undefined;
  for (const [id, name] of charsets) if (name === charset) return id;
  return undefined;
}

const BINARY_COLLATION = 63;
const BINARY_TYPES = /binary$|blob$|^uuid$|^inet[46]$/;

/** None where a label may have characters that the catalogue, which is in utf8mb3, shows as question marks. */
function labelsOf({ columnType }: CatalogueColumn): readonly string[] {
  const labels = parseLabels(columnType);
  return labels.some((label) => label.includes('?')) ? [] : labels;
}

const ESCAPES: Readonly<Record<string, string>> = { '0': '\0', n: '\n', r: '\r', Z: '\x1a' };

/**
 * The labels of `enum('a','it''s')`; none for other types.
 *
 * Source: MySQL, sql/sql_show.cc, append_unescaped.
 */
export function parseLabels(columnType: string): readonly string[] {
  if (!/^(?:enum|set)\(/i.test(columnType)) return [];
  return Array.from(columnType.matchAll(/'((?:[^'\\]|''|\\.)*)'/gs), ([, text = '']) =>
    text.replace(/''|\\(.)/gs, (found, escaped: string | undefined) =>
      escaped === undefined ? found.slice(1) : (ESCAPES[escaped] ?? escaped),
    ),
  );
}

function hintOf({ dataType }: CatalogueColumn): ColumnTypeHint | undefined {
  return dataType === 'uuid' || dataType === 'inet4' || dataType === 'inet6' ? dataType : undefined;
}
