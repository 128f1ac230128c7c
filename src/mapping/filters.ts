import { hash } from 'node:crypto';
import type { Filter } from '../change/filter.ts';
import type { ColumnValue } from '../change/row-change.ts';
import { formatDate } from './date-format.ts';
import { formatKeyPart } from './format-value.ts';
import { toLower, toUpper } from './letter-case.ts';

/** The text of a value in a key; null for SQL NULL, undefined where there is none. */
export type ValueFormat = (value: ColumnValue) => string | null | undefined;

/**
 * Puts filters together, in their order. NULL passes through all but `default`. A value that a filter does not
 * take gives undefined, so that the caller widens.
 */
export function compileFilters(filters: readonly Filter[]): ValueFormat {
  if (filters.length === 0) return formatKeyPart;
  return (value) => {
    let current = value;
    for (const filter of filters) {
      if (current === undefined) return undefined;
      current = applyFilter(filter, current);
    }
    return formatKeyPart(current);
  };
}

/** Characters of the text that a filter gives, if it always gives as many. */
export function fixedWidth(filter: Filter): number | undefined {
  switch (filter.kind) {
    case 'uuid':
      return 36;
    case 'sha1':
      return 40;
    case 'sha256':
      return 64;
    default:
      return undefined;
  }
}

function applyFilter(filter: Filter, value: string | number | Uint8Array | null): ColumnValue {
  if (value === null) return filter.kind === 'default' ? filter.text : null;
  switch (filter.kind) {
    case 'default':
      return value;
    case 'lower':
      return onText(value, toLower);
    case 'upper':
      return onText(value, toUpper);
    case 'trim':
      return onText(value, (text) => text.replace(/^ +/, '').replace(/(?<! ) +$/, ''));
    case 'urlencode':
      return onText(value, urlencode);
    case 'pad':
      return onText(value, (text) => '0'.repeat(Math.max(0, filter.width - lengthOf(text))) + text);
    case 'date':
      return typeof value === 'string' ? formatDate(value, filter.format) : undefined;
    case 'hex':
      // MySQL's HEX(255) is FF, of a number and not of its digits.
      return typeof value === 'number' ? undefined : onBytes(value, (bytes) => toHex(bytes).toUpperCase());
    case 'base64':
      return onBytes(value, (bytes) => bytes.toString('base64'));
    case 'sha1':
      return onBytes(value, (bytes) => hash('sha1', bytes, 'hex'));
    case 'sha256':
      return onBytes(value, (bytes) => hash('sha256', bytes, 'hex'));
    case 'uuid':
      return value instanceof Uint8Array && value.length === 16 ? uuid(viewOf(value)) : undefined;
  }
}

function onText(
  value: string | number | Uint8Array,
  change: (text: string) => string | undefined,
): string | undefined {
  const text = value instanceof Uint8Array ? undefined : formatKeyPart(value);
  return typeof text === 'string' ? change(text) : undefined;
}

function onBytes(value: string | number | Uint8Array, change: (bytes: Buffer) => string): string | undefined {
  if (value instanceof Uint8Array) return change(viewOf(value));
  return onText(value, (text) => change(Buffer.from(text)));
}

function viewOf(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
}

function toHex(bytes: Buffer): string {
  return bytes.toString('hex');
}

function uuid(bytes: Buffer): string {
  return toHex(bytes).replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5');
}

/** RFC 3986: letters, digits and `-._~` stay. Undefined for half a surrogate pair, which has no UTF-8. */
function urlencode(text: string): string | undefined {
  if (!text.isWellFormed()) return undefined;
  return encodeURIComponent(text).replace(
    /[!'()*]/g,
    (char) => `%${char.charCodeAt(0).toString(16).toUpperCase()}`,
  );
}

/** In characters, as MySQL counts them. */
function lengthOf(text: string): number {
  let length = 0;
  for (const _ of text) length += 1;
  return length;
}
