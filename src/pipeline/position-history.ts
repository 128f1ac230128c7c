import { isBefore } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import type { AppliedAt, HistoryStore } from './ports.ts';

export interface PositionHistoryOptions {
  readonly store: HistoryStore;
  /**
   * Whether what is acknowledged now is by the data that acknowledged what is noted. Else it would tell a wrong time of
   * the last acknowledgement by data that is lost: while Redis is away, positions move over changes that it has no
   * part in, and other data may acknowledge something before it is known to be other data.
   */
  readonly isSameData: () => boolean;
  /** How far back a position may be asked for, ms. */
  readonly window: number;
  /** ms since the epoch, by a clock that never jumps: a window across a jump would be another one. */
  readonly now?: () => number;
}

/** Between two entries in memory, but for the newest, ms. */
const RESOLUTION = 1000;
/** Entries that are stored in a window; the store keeps some more. */
const STORED = 12;

/**
 * Where the position was in the last minutes. When a failover of Redis may have lost what was acknowledged, everything
 * since then has to be applied again.
 *
 * An entry's position was acknowledged at its time or before. In a repetition positions are lower than before, and what
 * it acknowledged may be lost by a second failover: so the lowest position of the window counts.
 */
export class PositionHistory {
  readonly #options: PositionHistoryOptions;
  readonly #now: () => number;
  #entries: AppliedAt[] = [];
  #storedAt = -Infinity;
  #held = false;

  constructor(options: PositionHistoryOptions) {
    this.#options = options;
    this.#now = options.now ?? (() => performance.timeOrigin + performance.now());
  }

  /** Takes over what an earlier run has stored. */
  async load(): Promise<void> {
    this.#entries = [...(await this.#options.store.loadHistory()), ...this.#entries];
  }

  /**
   * Everything behind `position` is applied from now on, whether for the first time or again. It is stored soon: if what
   * comes is lost too, and the process with it, the next one has to begin there again.
   */
  begin(position: SourcePosition): void {
    this.#held = false;
    this.#note(position, this.#now());
    this.#storedAt = -Infinity;
  }

  /** Other data is in Redis: what it acknowledges is not noted until everything that it may lack begins again. */
  hold(): void {
    this.#held = true;
  }

  /** Redis has acknowledged everything before `position`. */
  advance(position: SourcePosition): void {
    if (this.#held || !this.#options.isSameData()) return;
    const at = this.#now();
    const [before, last] = [this.#entries.at(-2), this.#entries.at(-1)];
    // Kept up to date, lest what is acknowledged before a long pause counts as what is acknowledged behind it.
    if (before !== undefined && last !== undefined && at - before.at < RESOLUTION) {
      const rises = !isBefore(last.position, before.position) && !isBefore(position, last.position);
      if (rises) this.#entries.pop();
    }
    this.#note(position, at);
  }

  /**
   * The lowest position up to which everything was acknowledged `window` ms before the newest acknowledgement, and
   * since. While Redis is away time passes, and nothing more can be lost.
   */
  lowestRecent(): SourcePosition | undefined {
    const newest = this.#entries.at(-1);
    if (newest === undefined) return undefined;
    const from = this.#firstSince(newest.at - this.#options.window);
    return this.#entries
      .slice(from)
      .map(({ position }) => position)
      .reduce<SourcePosition | undefined>(
        (lowest, position) => (lowest === undefined || isBefore(position, lowest) ? position : lowest),
        undefined,
      );
  }

  /** Stores the newest entry, now and then, and one of each minute and hour for longer. */
  async persist(): Promise<void> {
    const newest = this.#entries.at(-1);
    if (newest === undefined) return;
    // For people, who ask by the clock on the wall.
    await this.#options.store.keep({ position: newest.position, at: Date.now() });
    if (newest.at - this.#storedAt < this.#options.window / STORED) return;
    await this.#options.store.remember(newest);
    this.#storedAt = newest.at;
  }

  #note(position: SourcePosition, at: number): void {
    this.#entries.push({ position, at });
    const from = this.#firstSince(at - this.#options.window);
    if (from > 0) this.#entries = this.#entries.slice(from);
  }

  /** The last entry at `moment` or before: what was acknowledged then. */
  #firstSince(moment: number): number {
    const index = this.#entries.findLastIndex(({ at }) => at <= moment);
    return Math.max(index, 0);
  }
}
