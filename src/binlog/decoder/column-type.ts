/** Column types as the TABLE_MAP event names them (`enum_field_types`). */
export const TYPE = {
  DECIMAL: 0,
  TINY: 1,
  SHORT: 2,
  LONG: 3,
  FLOAT: 4,
  DOUBLE: 5,
  TIMESTAMP: 7,
  LONGLONG: 8,
  INT24: 9,
  DATE: 10,
  TIME: 11,
  DATETIME: 12,
  YEAR: 13,
  NEWDATE: 14,
  VARCHAR: 15,
  BIT: 16,
  TIMESTAMP2: 17,
  DATETIME2: 18,
  TIME2: 19,
  /** MariaDB: columns declared COMPRESSED. */
  BLOB_COMPRESSED: 140,
  VARCHAR_COMPRESSED: 141,
  /** MySQL 9. */
  VECTOR: 242,
  JSON: 245,
  NEWDECIMAL: 246,
  ENUM: 247,
  SET: 248,
  TINY_BLOB: 249,
  MEDIUM_BLOB: 250,
  LONG_BLOB: 251,
  BLOB: 252,
  VAR_STRING: 253,
  STRING: 254,
  GEOMETRY: 255,
} as const;

/** How many bytes a value takes in a row image: always the same number, or a length prefix of so many bytes. */
export type Extent =
  { readonly kind: 'fixed'; readonly bytes: number } | { readonly kind: 'prefixed'; readonly prefix: number };

/** The binlog's 1-byte numbers for groups of 0 to 9 decimal digits (`dig2bytes`). */
const DECIMAL_GROUP_BYTES: readonly number[] = [0, 1, 1, 2, 2, 3, 3, 4, 4, 4];

/** Bytes of the digits on one side of the decimal point. */
export function decimalBytes(digits: number): number {
  return Math.floor(digits / 9) * 4 + (DECIMAL_GROUP_BYTES[digits % 9] ?? 0);
}

/** Bytes of a fraction of a second with so many decimals. */
export function fractionBytes(decimals: number): number {
  return (decimals + 1) >> 1;
}
