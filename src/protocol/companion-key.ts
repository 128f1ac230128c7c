import { hashTag, keySlot, tagForSlot } from './slot.ts';

/** What the names of all companions begin with. */
export const COMPANION_PREFIX = 'unstale:';

/**
 * The key M of the hash in which leases and versions of the key `key` are kept. It is in `key`'s cluster slot, and
 * no two keys share one.
 */
export function companionKey(key: string): string {
  if (hashTag(key) !== undefined) return `unstale:t:${key}`;
  if (key !== '' && !key.includes('}')) return `unstale:{${key}}`;
  return `unstale:s:{${tagForSlot(keySlot(key))}}${key}`;
}

/** The globs, as SCAN's MATCH takes them, that find the companions of all keys that `pattern` finds. */
export function companionPatterns(pattern: string): readonly string[] {
  return [`unstale:t:${pattern}`, `unstale:{${pattern}}`, `unstale:s:{*}${pattern}`];
}
