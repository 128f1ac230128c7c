/** A map that forgets what was set the longest ago when it is full. */
export interface BoundedMap<Value> {
  readonly size: number;
  /** Sum of the weights of all entries. */
  readonly weight: number;
  get(key: string): Value | undefined;
  /** Replaces; what weighs more than the whole map may is not kept. */
  set(key: string, value: Value, weight?: number): void;
  delete(key: string): void;
  clear(): void;
}

export interface BoundedMapOptions {
  readonly maxEntries: number;
  /** In the unit of the weights; unlimited by default. */
  readonly maxWeight?: number;
}

export function createBoundedMap<Value>({
  maxEntries,
  maxWeight = Infinity,
}: BoundedMapOptions): BoundedMap<Value> {
  const entries = new Map<string, { readonly value: Value; readonly weight: number }>();
  let total = 0;

  const remove = (key: string): void => {
    const entry = entries.get(key);
    if (entry === undefined) return;
    total -= entry.weight;
    entries.delete(key);
  };

  const isTooFull = (): boolean => entries.size > maxEntries || total > maxWeight;

  return {
    get size() {
      return entries.size;
    },
    get weight() {
      return total;
    },
    get: (key) => entries.get(key)?.value,
    set(key, value, weight = 0) {
      remove(key);
      if (weight > maxWeight || maxEntries < 1) return;
      entries.set(key, { value, weight });
      total += weight;
      while (isTooFull()) {
        const [oldest] = entries.keys();
        if (oldest === undefined) return;
        remove(oldest);
      }
    },
    delete: remove,
    clear() {
      entries.clear();
      total = 0;
    },
  };
}
