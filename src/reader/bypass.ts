/** Prefixes of keys for which the cache is not used for now. */
export interface Bypass {
  /** Switches it on for the keys that begin with `prefix` ('' is all of them), and returns how to undo that. */
  add(prefix: string): () => void;
  has(key: string): boolean;
  /** The prefixes, each once. */
  list(): readonly string[];
}

export function createBypass(): Bypass {
  /** By prefix, how many have switched it on and not undone it. */
  const holders = new Map<string, number>();
  let prefixes: readonly string[] = [];

  const count = (prefix: string, by: 1 | -1): void => {
    const now = (holders.get(prefix) ?? 0) + by;
    if (now === 0) holders.delete(prefix);
    else holders.set(prefix, now);
    prefixes = [...holders.keys()];
  };

  return {
    add(prefix) {
      count(prefix, 1);
      let undone = false;
      return () => {
        if (undone) return;
        undone = true;
        count(prefix, -1);
      };
    },
    has: (key) => prefixes.some((prefix) => key.startsWith(prefix)),
    list: () => prefixes,
  };
}
