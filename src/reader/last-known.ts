import { createBoundedMap } from './bounded-map.ts';

export interface LastKnownSettings {
  readonly maxEntries: number;
  /** Bytes in memory. */
  readonly maxBytes: number;
  readonly maxAgeMs: number;
  readonly onError: boolean;
}

/** What this process last saw of keys, for the moments in which the cache and the database cannot answer. */
export interface LastKnown {
  /** Whether one may be served when a load fails. */
  readonly onError: boolean;
  /** Remembers what stands in the key. */
  record(key: string, stored: string | Buffer): void;
  /** Undefined for what was never seen, or too long ago. */
  get(key: string): string | Buffer | undefined;
  delete(key: string): void;
  clear(): void;
}

/** Of one entry beside key and value, bytes: about what maps and objects take. */
const OVERHEAD = 150;

export function createLastKnown({ maxEntries, maxBytes, maxAgeMs, onError }: LastKnownSettings): LastKnown {
  const entries = createBoundedMap<{ readonly stored: string | Buffer; readonly seenAt: number }>({
    maxEntries,
    maxWeight: maxBytes,
  });
  return {
    onError,
    record(key, stored) {
      // Texts take up to two bytes a unit.
      const bytes = typeof stored === 'string' ? stored.length * 2 : stored.length;
      entries.set(key, { stored, seenAt: performance.now() }, OVERHEAD + key.length * 2 + bytes);
    },
    get(key) {
      const entry = entries.get(key);
      if (entry === undefined) return undefined;
      if (performance.now() - entry.seenAt <= maxAgeMs) return entry.stored;
      entries.delete(key);
      return undefined;
    },
    delete: (key) => entries.delete(key),
    clear: () => entries.clear(),
  };
}
