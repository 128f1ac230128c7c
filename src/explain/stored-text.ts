import { formatDuration } from '../duration/duration.ts';
import type { StoredKey } from '../mapping/explain-stored.ts';
import type { TableRule } from '../mapping/rule.ts';

/** Of a value that is written for people, characters. */
const MOST_SHOWN = 200;

/** What is true of every stored value, behind the keys that get one. */
export const STORED_NOTE =
  'Where the known version of a key is newer, or it is cached without one, the key is removed instead.';

/** `user:7 = {"id":7}`. */
export function formatStored(stored: StoredKey): string {
  return `${stored.key} = ${formatValue(stored)}`;
}

/** `version 42, ttl 10m, if it is cached`. */
export function formatTerms({ version, ...terms }: StoredKey): string {
  const order = version === 'binlog' ? 'version by its place in the binlog' : `version ${version}`;
  return `${order}, ${lifetime(terms)}`;
}

/** What a rule stores, for rows that are not known; undefined if it stores nothing. */
export function formatStores({ action }: TableRule): string | undefined {
  if (action.kind === 'delete') return undefined;
  const { version, ttl, ttlJitter, create } = action;
  const order =
    version.kind === 'binlog' ? 'version by its place in the binlog' : `version ${version.column}`;
  return `${order}, ${lifetime({ ttlMs: ttl, ttlJitter, create })}`;
}

function lifetime({ ttlMs, ttlJitter, create }: Pick<StoredKey, 'ttlMs' | 'ttlJitter' | 'create'>): string {
  const jitter = ttlJitter === 0 ? '' : ` less up to ${Math.round(ttlJitter * 1000) / 10}%`;
  return `ttl ${formatDuration(ttlMs)}${jitter}, ${create ? 'cached or not' : 'only if it is cached'}`;
}

/** The value as it is written for people. */
export function formatValue({ form, value }: StoredKey): string {
  // JSON stands as it is stored.
  const text = form === 'json' && typeof value === 'string' ? value : JSON.stringify(value);
  const shown = text.length > MOST_SHOWN ? `${text.slice(0, MOST_SHOWN)}…` : text;
  return form === 'hash' ? `a hash ${shown}` : shown;
}
