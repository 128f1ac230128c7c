import { VERSION_AFTER } from './product-changes.ts';

/** What the cache holds when a round begins. */
export type CacheBefore = 'empty' | 'values' | 'values and versions';

export interface Contender {
  readonly name: string;
  /** Of the daemon's rule, beside table and key. */
  readonly rule: Readonly<Record<string, unknown>>;
  readonly before: CacheBefore;
  /** Whether every key holds the row's new value behind the round; otherwise none is there. */
  readonly stores: boolean;
}

const version = { column: 'row_version' };
const update = {
  action: 'update',
  version,
  ttl: '1h',
  ttl_jitter: '10%',
  value: { format: 'json', columns: ['id', 'row_version', 'name', { column: 'price', format: 'number' }] },
};

/** The first is what the others are compared with. */
export const CONTENDERS: readonly Contender[] = [
  { name: 'delete, none', rule: { guard: 'none' }, before: 'values', stores: false },
  { name: 'delete, lease', rule: { guard: 'lease' }, before: 'values', stores: false },
  { name: 'delete, version', rule: { guard: 'version', version }, before: 'values', stores: false },
  { name: 'update, not cached', rule: update, before: 'empty', stores: false },
  { name: 'update, created', rule: { ...update, create: true }, before: 'empty', stores: true },
  { name: 'update, replaced', rule: update, before: 'values and versions', stores: true },
];

/** Whether a key's value is the new one of row `id`. */
export function isNewValue(value: string | null, id: number): boolean {
  if (value === null) return false;
  const row: unknown = JSON.parse(value);
  return (
    typeof row === 'object' &&
    row !== null &&
    Reflect.get(row, 'id') === id &&
    Reflect.get(row, 'row_version') === VERSION_AFTER &&
    Reflect.get(row, 'name') === `product number ${id}`
  );
}
