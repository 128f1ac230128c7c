import type { CacheCommand } from '../change/command.ts';

export interface CacheBounds {
  readonly entries: number;
  /** Commands of all entries together. */
  readonly commands: number;
}

interface Entry {
  readonly commands: readonly CacheCommand[];
  readonly expires: number;
}

/** Results of lookups for a while, the least recently used ones go first. Times are in ms of a clock that never goes back. */
export class LookupCache {
  readonly #bounds: CacheBounds;
  readonly #entries = new Map<string, Entry>();
  #commands = 0;

  constructor(bounds: CacheBounds = { entries: 10_000, commands: 100_000 }) {
    this.#bounds = bounds;
  }

  get(key: string, now: number): readonly CacheCommand[] | undefined {
    const entry = this.#entries.get(key);
    if (entry === undefined) return undefined;
    this.#remove(key, entry);
    if (entry.expires <= now) return undefined;
    this.#add(key, entry);
    return entry.commands;
  }

  /** Keeps a result until `expires`, unless it is larger than the whole cache may be. */
  set(key: string, commands: readonly CacheCommand[], expires: number): void {
    const known = this.#entries.get(key);
    if (known !== undefined) this.#remove(key, known);
    if (commands.length > this.#bounds.commands) return;
    this.#add(key, { commands, expires });
    for (const [oldest, entry] of this.#entries) {
      if (this.#entries.size <= this.#bounds.entries && this.#commands <= this.#bounds.commands) return;
      this.#remove(oldest, entry);
    }
  }

  #add(key: string, entry: Entry): void {
    this.#entries.set(key, entry);
    this.#commands += entry.commands.length;
  }

  #remove(key: string, entry: Entry): void {
    this.#entries.delete(key);
    this.#commands -= entry.commands.length;
  }
}
