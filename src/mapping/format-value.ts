import type { ColumnValue } from '../change/row-change.ts';
import { UnstaleError } from '../errors/unstale-error.ts';

/**
 * A column's value as it stands in a key: text as is, integers in decimal. Null for SQL NULL, which has no
 * key. The check at start refuses columns of other types; this is the second line of defence, because a key
 * in a form that the application does not write would stay stale for ever.
 * @throws UnstaleError UNSTALE_COLUMN_TYPE for bytes and for numbers that are not exact integers.
 */
export function formatKeyPart(value: Exclude<ColumnValue, undefined>): string | null {
  if (typeof value === 'string' || value === null) return value;
  if (typeof value === 'number') {
    if (Number.isSafeInteger(value)) return String(value);
    throw new UnstaleError('UNSTALE_COLUMN_TYPE', 'a key column holds a number that is not an exact integer');
  }
  throw new UnstaleError('UNSTALE_COLUMN_TYPE', 'a key column holds binary data, which has no text form');
}
