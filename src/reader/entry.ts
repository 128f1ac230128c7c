import { Buffer } from 'node:buffer';
import type { Codec } from './codec.ts';

/** What stands in a key of which the database has no row. No JSON text and no compressed value begins so. */
export const ABSENT = '\0unstale:absent';

const ABSENT_BYTES = Buffer.from(ABSENT);

/** The codec could make nothing of what stands in the key. */
export const UNDECODABLE = Symbol('undecodable');

/** Reads what stands in a key: a value, undefined for a row that is known to be absent, or UNDECODABLE. */
export function decodeEntry<V>(codec: Codec<V>, stored: string | Buffer): V | undefined | typeof UNDECODABLE {
  if (isAbsent(stored)) return undefined;
  try {
    if (codec.reads === 'text') return codec.decode(typeof stored === 'string' ? stored : stored.toString());
    return codec.decode(typeof stored === 'string' ? Buffer.from(stored) : stored);
  } catch {
    return UNDECODABLE;
  }
}

/** Undefined if the codec refuses the value, or makes of it what means something else. */
export function encodeEntry<V>(codec: Codec<V>, value: V | undefined): string | Buffer | undefined {
  if (value === undefined) return ABSENT;
  try {
    const encoded: unknown = codec.encode(value);
    if (typeof encoded !== 'string' && !Buffer.isBuffer(encoded)) return undefined;
    return isAbsent(encoded) ? undefined : encoded;
  } catch {
    return undefined;
  }
}

function isAbsent(stored: string | Buffer): boolean {
  if (typeof stored === 'string') return stored === ABSENT;
  return stored.length === ABSENT_BYTES.length && stored[0] === 0 && stored.equals(ABSENT_BYTES);
}
