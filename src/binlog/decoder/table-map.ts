import { UnstaleError } from '../../errors/unstale-error.ts';
import type { ByteReader } from './byte-reader.ts';
import { decimalBytes, fractionBytes, TYPE } from './column-type.ts';
import type { Extent } from './column-type.ts';

/** One column of one version of a table, as a TABLE_MAP event describes it. */
export interface ColumnDefinition {
  /** Effective type: ENUM and SET rather than the STRING that stands for them. */
  readonly type: number;
  readonly extent: Extent;
  /** Character and binary strings: bytes at most; 0 for others. */
  readonly length: number;
  /** DECIMAL: all digits, and those behind the point. */
  readonly precision: number;
  /** DECIMAL: digits behind the point; temporal types: digits of the second's fraction. */
  readonly decimals: number;
  /** This and all below are what the metadata does not say, where they are undefined or empty. */
  name: string | undefined;
  unsigned: boolean | undefined;
  /** Collation id of text and ENUM columns; 63 is binary. */
  collation: number | undefined;
  /** Labels of an ENUM or SET: bytes in the column's character set, or text. */
  labels: readonly (Buffer | string)[];
  /** A type that the binlog shows as a binary string. */
  hint: ColumnTypeHint | undefined;
}

/** MariaDB's types that are binary strings in the binlog and text in a SELECT. */
export type ColumnTypeHint = 'uuid' | 'inet4' | 'inet6';

/** The names in a TABLE_MAP event, which decide whether the rest is worth reading. */
export interface TableMapNames {
  readonly schema: string;
  readonly table: string;
}

const NUMERIC: ReadonlySet<number> = new Set([
  TYPE.DECIMAL,
  TYPE.TINY,
  TYPE.SHORT,
  TYPE.INT24,
  TYPE.LONG,
  TYPE.LONGLONG,
  TYPE.NEWDECIMAL,
  TYPE.FLOAT,
  TYPE.DOUBLE,
  TYPE.YEAR,
]);

const CHARACTER: ReadonlySet<number> = new Set([
  TYPE.VARCHAR,
  TYPE.VAR_STRING,
  TYPE.STRING,
  TYPE.TINY_BLOB,
  TYPE.MEDIUM_BLOB,
  TYPE.LONG_BLOB,
  TYPE.BLOB,
  TYPE.BLOB_COMPRESSED,
  TYPE.VARCHAR_COMPRESSED,
  // Derived from BLOB in the server, and listed with the text columns (seen on MySQL 9.7).
  TYPE.VECTOR,
]);

/** Optional metadata fields (`Optional_metadata_field_type`). */
const FIELD = {
  SIGNEDNESS: 1,
  DEFAULT_CHARSET: 2,
  COLUMN_CHARSET: 3,
  COLUMN_NAME: 4,
  SET_STR_VALUE: 5,
  ENUM_STR_VALUE: 6,
  ENUM_AND_SET_DEFAULT_CHARSET: 10,
  ENUM_AND_SET_COLUMN_CHARSET: 11,
} as const;

/** Reads schema and table name; the reader stands behind the table id and the flags. */
export function readTableNames(reader: ByteReader): TableMapNames {
  const schema = reader.utf8(reader.byte());
  reader.skip(1);
  const table = reader.utf8(reader.byte());
  reader.skip(1);
  return { schema, table };
}

/**
 * Reads the columns, behind the names. Names, signs, character sets and labels come from the optional
 * metadata, which binlog_row_metadata = FULL makes complete.
 *
 * Source: MySQL, libs/mysql/binlog/event/rows_event.h, Table_map_event.
 * @throws RangeError for a truncated event, UnstaleError for a column type that nothing here knows
 */
export function readColumns(reader: ByteReader, flavour: 'mysql' | 'mariadb'): ColumnDefinition[] {
  const count = reader.lengthEncoded();
  const types = reader.bytes(count);
  const metadata = reader.bytes(reader.lengthEncoded());
  let at = 0;
  const next = (): number => {
    const value = metadata[at];
    if (value === undefined) throw new RangeError('truncated column metadata');
    at += 1;
    return value;
  };
  const columns = Array.from(types, (type) => readColumn(type, next));
  // One bit a column: whether it may be NULL.
  reader.skip((count + 7) >> 3);
  readOptionalMetadata(reader, columns, flavour);
  return columns;
}

function readColumn(type: number, next: () => number): ColumnDefinition {
  switch (type) {
    case TYPE.TINY:
    case TYPE.YEAR:
      return fixed(type, 1);
    case TYPE.SHORT:
      return fixed(type, 2);
    case TYPE.INT24:
    case TYPE.DATE:
    case TYPE.TIME:
    case TYPE.NEWDATE:
      return fixed(type, 3);
    case TYPE.LONG:
    case TYPE.TIMESTAMP:
      return fixed(type, 4);
    case TYPE.LONGLONG:
    case TYPE.DATETIME:
      return fixed(type, 8);
    case TYPE.FLOAT:
    case TYPE.DOUBLE:
      return fixed(type, next());
    case TYPE.TIMESTAMP2:
      return temporal(type, 4, next());
    case TYPE.DATETIME2:
      return temporal(type, 5, next());
    case TYPE.TIME2:
      return temporal(type, 3, next());
    case TYPE.NEWDECIMAL: {
      const precision = next();
      const decimals = next();
      const bytes = decimalBytes(precision - decimals) + decimalBytes(decimals);
      return { ...fixed(type, bytes), precision, decimals };
    }
    case TYPE.BIT: {
      const bits = next();
      return fixed(type, next() + (bits > 0 ? 1 : 0));
    }
    case TYPE.VARCHAR:
    case TYPE.VARCHAR_COMPRESSED: {
      const low = next();
      return string(type, low + next() * 256);
    }
    case TYPE.BLOB:
    case TYPE.BLOB_COMPRESSED:
    case TYPE.JSON:
    case TYPE.GEOMETRY:
    case TYPE.VECTOR:
      return prefixed(type, next());
    case TYPE.STRING:
    case TYPE.VAR_STRING: {
      const high = next();
      const low = next();
      if (high === TYPE.ENUM || high === TYPE.SET) return fixed(high, low);
      // CHAR over 255 bytes: two bits of the length hide, inverted, in the type byte.
      return string(type, (((high >> 4) & 3) ^ 3) * 256 + low);
    }
    default:
      throw new UnstaleError(
        'UNSTALE_EVENT_UNDECODABLE',
        `the binlog holds a column of the unknown type ${type}`,
      );
  }
}

function column(type: number, extent: Extent): ColumnDefinition {
  return {
    type,
    extent,
    length: 0,
    precision: 0,
    decimals: 0,
    name: undefined,
    unsigned: undefined,
    collation: undefined,
    labels: [],
    hint: undefined,
  };
}

function fixed(type: number, bytes: number): ColumnDefinition {
  return column(type, { kind: 'fixed', bytes });
}

function prefixed(type: number, prefix: number): ColumnDefinition {
  return column(type, { kind: 'prefixed', prefix });
}

function string(type: number, length: number): ColumnDefinition {
  return { ...prefixed(type, length > 255 ? 2 : 1), length };
}

function temporal(type: number, bytes: number, decimals: number): ColumnDefinition {
  return { ...fixed(type, bytes + fractionBytes(decimals)), decimals };
}

function readOptionalMetadata(
  reader: ByteReader,
  columns: readonly ColumnDefinition[],
  flavour: 'mysql' | 'mariadb',
): void {
  const numeric = columns.filter((each) => NUMERIC.has(each.type));
  // MariaDB lists spatial columns with the text columns, MySQL does not (seen on MariaDB 10.11 and MySQL 9.7).
  const isCharacter = (type: number): boolean =>
    CHARACTER.has(type) || (flavour === 'mariadb' && type === TYPE.GEOMETRY);
  const character = columns.filter((each) => isCharacter(each.type));
  const enumOrSet = columns.filter((each) => each.type === TYPE.ENUM || each.type === TYPE.SET);
  const { end } = reader;
  while (reader.offset < end) {
    const field = reader.byte();
    const length = reader.lengthEncoded();
    const fieldEnd = reader.offset + length;
    if (fieldEnd > end) throw new RangeError('truncated optional metadata');
    reader.end = fieldEnd;
    switch (field) {
      case FIELD.SIGNEDNESS: {
        const bits = reader.bytes(length);
        numeric.forEach((each, index) => {
          each.unsigned = (((bits[index >> 3] ?? 0) << (index & 7)) & 0x80) !== 0;
        });
        break;
      }
      case FIELD.DEFAULT_CHARSET:
        readDefaultCharset(reader, character);
        break;
      case FIELD.COLUMN_CHARSET:
        readColumnCharsets(reader, character);
        break;
      case FIELD.ENUM_AND_SET_DEFAULT_CHARSET:
        readDefaultCharset(reader, enumOrSet);
        break;
      case FIELD.ENUM_AND_SET_COLUMN_CHARSET:
        readColumnCharsets(reader, enumOrSet);
        break;
      case FIELD.COLUMN_NAME:
        for (const each of columns) each.name = reader.utf8(reader.lengthEncoded());
        break;
      case FIELD.SET_STR_VALUE:
        readLabels(reader, enumOrSet, TYPE.SET);
        break;
      case FIELD.ENUM_STR_VALUE:
        readLabels(reader, enumOrSet, TYPE.ENUM);
        break;
      default:
    }
    reader.offset = fieldEnd;
    reader.end = end;
  }
}

/** One collation for all, then the exceptions as pairs of place and collation. */
function readDefaultCharset(reader: ByteReader, columns: readonly ColumnDefinition[]): void {
  const common = reader.lengthEncoded();
  for (const each of columns) each.collation = common;
  while (reader.offset < reader.end) {
    const exception = columns[reader.lengthEncoded()];
    const collation = reader.lengthEncoded();
    if (exception !== undefined) exception.collation = collation;
  }
}

function readColumnCharsets(reader: ByteReader, columns: readonly ColumnDefinition[]): void {
  for (const each of columns) each.collation = reader.lengthEncoded();
}

function readLabels(reader: ByteReader, columns: readonly ColumnDefinition[], type: number): void {
  for (const each of columns) {
    if (each.type !== type) continue;
    const labels: Buffer[] = [];
    // One by one: a damaged count ends at the event's end, and reserves nothing before.
    for (let left = reader.lengthEncoded(); left > 0; left -= 1) {
      // A copy: the event's buffer is not ours to keep.
      labels.push(Buffer.from(reader.bytes(reader.lengthEncoded())));
    }
    each.labels = labels;
  }
}
