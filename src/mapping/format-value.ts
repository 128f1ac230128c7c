import type { ColumnValue } from '../change/row-change.ts';

/**
 * A column's value as it stands in a key: text as is, integers in decimal. Null for SQL NULL, which has no
 * key. Undefined for bytes and for numbers that are not exact integers: their text differs between programs, so
 * the key is unknown. The check at start refuses columns of such types, but an ALTER TABLE may bring them later.
 */
export function formatKeyPart(value: ColumnValue): string | null | undefined {
  if (typeof value === 'string' || value === null) return value;
  return typeof value === 'number' && Number.isSafeInteger(value) ? String(value) : undefined;
}
