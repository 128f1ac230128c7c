import { inflateRawSync, inflateSync } from 'node:zlib';
import type { ColumnValue } from '../../change/row-change.ts';
import type { ByteReader } from './byte-reader.ts';
import { decimalBytes, fractionBytes, TYPE } from './column-type.ts';
import { HINTED } from './hinted-types.ts';
import type { ColumnDefinition } from './table-map.ts';
import { textReader } from './text-decoder.ts';
import type { CollationCharsets } from './text-decoder.ts';

/** A compressed value that is longer counts as unknown; it would be no key that anybody uses. Bytes. */
const MAX_INFLATED = 16 * 1024 * 1024;

/** Reads one value that is not NULL and leaves the reader behind it. */
export type ValueReader = (reader: ByteReader) => ColumnValue;

/**
 * The reader that gives a column's values as a SELECT does; undefined for types without an exact text form
 * (FLOAT, JSON and spatial types, temporal types from before MySQL 5.6, and character sets that cannot be decoded) and
 * where the metadata is missing: their values count as unknown. Bytes are copies.
 *
 * Source of the layouts: MySQL, sql-common/my_time.cc, strings/decimal.cc, sql/field.cc.
 */
export function valueReader(column: ColumnDefinition, charsets: CollationCharsets): ValueReader | undefined {
  switch (column.type) {
    case TYPE.TINY:
      return integer(1, column.unsigned);
    case TYPE.SHORT:
      return integer(2, column.unsigned);
    case TYPE.INT24:
      return integer(3, column.unsigned);
    case TYPE.LONG:
      return integer(4, column.unsigned);
    case TYPE.LONGLONG:
      if (column.unsigned === undefined) return undefined;
      return column.unsigned ? readUnsigned64 : readSigned64;
    case TYPE.NEWDECIMAL:
      return decimal(column.precision, column.decimals);
    case TYPE.YEAR:
      return (reader) => {
        const year = reader.byte();
        return year === 0 ? 0 : 1900 + year;
      };
    case TYPE.DATE:
      return readDate;
    case TYPE.DATETIME2:
      return datetime(column.decimals);
    case TYPE.TIMESTAMP2:
      return timestamp(column.decimals);
    case TYPE.TIME2:
      return time(column.decimals);
    case TYPE.ENUM:
    case TYPE.SET:
      return labelled(column, charsets);
    case TYPE.DOUBLE:
      return readDouble;
    case TYPE.BIT:
      return bit(column);
    case TYPE.STRING:
      return fixedString(column, charsets);
    case TYPE.VARCHAR:
    case TYPE.BLOB:
    case TYPE.VARCHAR_COMPRESSED:
    case TYPE.BLOB_COMPRESSED:
      return string(column, charsets);
    default:
      return undefined;
  }
}

function integer(bytes: 1 | 2 | 3 | 4, unsigned: boolean | undefined): ValueReader | undefined {
  if (unsigned === undefined) return undefined;
  if (unsigned) return (reader) => reader.uint(bytes);
  const shift = 32 - bytes * 8;
  return (reader) => (reader.uint(bytes) << shift) >> shift;
}

const readUnsigned64: ValueReader = (reader) => {
  const low = reader.uint(4);
  const high = reader.uint(4);
  return high < 0x20_0000 ? high * 2 ** 32 + low : ((BigInt(high) << 32n) | BigInt(low)).toString();
};

const readSigned64: ValueReader = (reader) => {
  const low = reader.uint(4);
  const high = reader.uint(4) | 0;
  if (high < 0x20_0000 && high > -0x20_0000) return high * 2 ** 32 + low;
  return ((BigInt(high) << 32n) | BigInt(low)).toString();
};

/** Digits that a double holds without loss. */
const EXACT_DIGITS = 15;

/**
 * Digits in groups of nine, four bytes each, the incomplete group of the integer part first and that of the
 * fraction last. The highest bit is inverted; a negative number has all bits inverted.
 */
function decimal(precision: number, scale: number): ValueReader {
  const whole = precision - scale;
  const nines = (digits: number): number[] => Array.from({ length: Math.floor(digits / 9) }, () => 9);
  const rest = (digits: number): number[] => (digits % 9 > 0 ? [digits % 9] : []);
  const integral = digitsReader([...rest(whole), ...nines(whole)]);
  const fraction = digitsReader([...nines(scale), ...rest(scale)]);
  return (reader) => {
    const first = reader.buffer[reader.offset] ?? 0;
    const sign = first < 0x80 ? '-' : '';
    const mask = first < 0x80 ? 0xff : 0;
    const digits = whole === 0 ? '0' : integral(reader, mask, true);
    return scale === 0
      ? sign + digits
      : `${sign}${digits}.${fraction(reader, mask, whole === 0).padStart(scale, '0')}`;
  };
}

/** Reads the digits of some groups, without zeros in front. The highest bit of the very first byte is no digit's. */
function digitsReader(
  groups: readonly number[],
): (reader: ByteReader, mask: number, isFirst: boolean) => string {
  const isExact = groups.reduce((sum, digits) => sum + digits, 0) <= EXACT_DIGITS;
  const layout = groups.map((digits) => ({ digits, bytes: decimalBytes(digits), factor: 10 ** digits }));
  return (reader, mask, isFirst) => {
    let signBit = isFirst;
    let number = 0;
    let text = '';
    for (const { digits, bytes, factor } of layout) {
      let group = 0;
      for (let byte = 0; byte < bytes; byte += 1) group = group * 256 + (reader.byte() ^ mask);
      if (signBit) group -= 2 ** (bytes * 8 - 1);
      signBit = false;
      if (isExact) number = number * factor + group;
      else text += String(group).padStart(digits, '0');
    }
    return isExact ? String(number) : text.replace(/^0+(?=.)/, '');
  };
}

const pad2 = (value: number): string => (value < 10 ? `0${value}` : String(value));
const pad4 = (value: number): string => String(value).padStart(4, '0');

const readDate: ValueReader = (reader) => {
  const packed = reader.uint(3);
  return `${pad4(packed >> 9)}-${pad2((packed >> 5) & 15)}-${pad2(packed & 31)}`;
};

/** Big-endian, as all temporal types with fractions are. */
function uintBE(reader: ByteReader, bytes: number): number {
  let value = 0;
  for (let index = 0; index < bytes; index += 1) value = value * 256 + reader.byte();
  return value;
}

/** `.123` with exactly `decimals` digits; the stored number has one or two digits a byte. */
function fraction(reader: ByteReader, decimals: number): string {
  if (decimals === 0) return '';
  const bytes = fractionBytes(decimals);
  const digits = String(uintBE(reader, bytes)).padStart(bytes * 2, '0');
  return `.${digits.slice(0, decimals)}`;
}

function datetime(decimals: number): ValueReader {
  return (reader) => {
    const packed = uintBE(reader, 5) - 0x80_0000_0000;
    const date = Math.floor(packed / 2 ** 17);
    const clock = packed % 2 ** 17;
    const months = date >> 5;
    const day = `${pad4(Math.floor(months / 13))}-${pad2(months % 13)}-${pad2(date & 31)}`;
    return `${day} ${pad2(clock >> 12)}:${pad2((clock >> 6) & 63)}:${pad2(clock & 63)}${fraction(reader, decimals)}`;
  };
}

function timestamp(decimals: number): ValueReader {
  return (reader) => {
    const seconds = uintBE(reader, 4);
    const rest = fraction(reader, decimals);
    if (seconds === 0) return `0000-00-00 00:00:00${rest}`;
    return new Date(seconds * 1000).toISOString().slice(0, 19).replace('T', ' ') + rest;
  };
}

function time(decimals: number): ValueReader {
  const bytes = 3 + fractionBytes(decimals);
  const zero = 0x80 * 2 ** ((bytes - 1) * 8);
  const units = 2 ** (fractionBytes(decimals) * 8);
  return (reader) => {
    const packed = uintBE(reader, bytes) - zero;
    const magnitude = Math.abs(packed);
    const clock = Math.floor(magnitude / units);
    const digits = String(magnitude % units).padStart(fractionBytes(decimals) * 2, '0');
    const rest = decimals === 0 ? '' : `.${digits.slice(0, decimals)}`;
    return `${packed < 0 ? '-' : ''}${pad2(clock >> 12)}:${pad2((clock >> 6) & 63)}:${pad2(clock & 63)}${rest}`;
  };
}

/** ENUM: number of the label from 1, 0 for the empty string of an invalid value. SET: one bit a label. */
function labelled(column: ColumnDefinition, charsets: CollationCharsets): ValueReader | undefined {
  const decode = textReader(charsetOf(column, charsets));
  if (decode === undefined || column.extent.kind !== 'fixed' || column.labels.length === 0) return undefined;
  const labels = column.labels.map((label) =>
    typeof label === 'string' ? label : decode(label, 0, label.length),
  );
  const { bytes } = column.extent;
  if (column.type === TYPE.ENUM) {
    return (reader) => {
      const number = reader.uint(bytes);
      return number === 0 ? '' : labels[number - 1];
    };
  }
  return (reader) => {
    const low = reader.uint(Math.min(bytes, 4));
    const high = bytes > 4 ? reader.uint(bytes - 4) : 0;
    const chosen = labels.filter((_, index) => (((index < 32 ? low : high) >>> (index & 31)) & 1) === 1);
    return chosen.includes(undefined) ? undefined : chosen.join(',');
  };
}

const readDouble: ValueReader = (reader) => {
  const at = reader.offset;
  reader.skip(8);
  return reader.buffer.readDoubleLE(at);
};

/** Big-endian, as a SELECT gives it. */
function bit({ extent }: ColumnDefinition): ValueReader | undefined {
  if (extent.kind !== 'fixed') return undefined;
  const { bytes } = extent;
  return (reader) => Uint8Array.from(reader.bytes(bytes));
}

/** CHAR and BINARY. Zeros at the end of a binary value are not in the binlog, as spaces of a CHAR are not. */
function fixedString(column: ColumnDefinition, charsets: CollationCharsets): ValueReader | undefined {
  if (!isBinary(column)) return string(column, charsets);
  const { extent, length, hint } = column;
  if (extent.kind !== 'prefixed') return undefined;
  const { prefix } = extent;
  const format = hint === undefined ? undefined : HINTED[hint];
  return (reader) => {
    const value = new Uint8Array(length);
    const stored = reader.bytes(reader.uint(prefix));
    if (stored.length > length) throw new RangeError('a binary value is longer than its column');
    value.set(stored);
    return format === undefined ? value : format(value);
  };
}

function string(column: ColumnDefinition, charsets: CollationCharsets): ValueReader | undefined {
  const decode = isBinary(column) ? copyBytes : textReader(charsetOf(column, charsets));
  const { extent } = column;
  if (decode === undefined || extent.kind !== 'prefixed') return undefined;
  const { prefix } = extent;
  if (column.type === TYPE.VARCHAR_COMPRESSED || column.type === TYPE.BLOB_COMPRESSED) {
    return (reader) => readCompressed(reader.bytes(reader.uint(prefix)), decode);
  }
  return (reader) => {
    const length = prefix === 1 ? reader.byte() : reader.uint(prefix);
    const start = reader.offset;
    reader.skip(length);
    return decode(reader.buffer, start, start + length);
  };
}

/**
 * A value of a MariaDB column declared COMPRESSED: method in the high four bits (0 stored, 8 zlib), then whether
 * the zlib wrapper is left out, and how many bytes hold the original length, which then bounds what is inflated.
 *
 * Source: MariaDB, sql/field.cc, Field_longstr::uncompress.
 */
function readCompressed(bytes: Buffer, decode: BytesReader): ColumnValue {
  const [header] = bytes;
  if (header === undefined) return decode(bytes, 0, 0);
  if (header >> 4 === 0) return decode(bytes, 1, bytes.length);
  if (header >> 4 !== 8) return undefined;
  const lengthBytes = header & 7;
  if (lengthBytes === 0 || lengthBytes > 4) return undefined;
  const length = bytes.readUIntBE(1, lengthBytes);
  if (length > MAX_INFLATED) return undefined;
  const body = bytes.subarray(1 + lengthBytes);
  const options = { maxOutputLength: Math.max(1, length) };
  const value = (header & 8) === 0 ? inflateSync(body, options) : inflateRawSync(body, options);
  return decode(value, 0, value.length);
}

type BytesReader = (buffer: Buffer, start: number, end: number) => string | Uint8Array | undefined;

const copyBytes: BytesReader = (buffer, start, end) => Uint8Array.from(buffer.subarray(start, end));

const BINARY_COLLATION = 63;

function isBinary(column: ColumnDefinition): boolean {
  return column.collation === BINARY_COLLATION;
}

function charsetOf(column: ColumnDefinition, charsets: CollationCharsets): string | undefined {
  const charset = column.collation === undefined ? undefined : charsets.get(column.collation);
  return charset === 'binary' ? undefined : charset;
}
