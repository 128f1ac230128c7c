import { RuleCounters } from './rule-counters.ts';
import type { CountedCommand, CountedResult } from './rule-counters.ts';

/** Totals since the start. */
export interface ActivityTotals {
  readonly transactions: number;
  /** Row changes of mapped tables. */
  readonly rows: number;
  /** Commands that Redis acknowledged. */
  readonly commands: number;
}

/** Times from commit to Redis' reply, ms; one for each batch. */
export interface Delays {
  readonly mean: number;
  readonly max: number;
}

/** What a daemon has done, for people who look at it. A few additions a batch. */
export class Activity {
  readonly rules = new RuleCounters();
  readonly #now: () => number;
  #transactions = 0;
  #rows = 0;
  #commands = 0;
  #delays = { count: 0, sum: 0, max: 0 };

  /** @param now ms since the epoch */
  constructor(now: () => number = Date.now) {
    this.#now = now;
  }

  get totals(): ActivityTotals {
    return { transactions: this.#transactions, rows: this.#rows, commands: this.#commands };
  }

  transaction(): void {
    this.#transactions += 1;
  }

  rowsChanged(count: number): void {
    this.#rows += count;
  }

  applied(commands: readonly CountedCommand[], result: CountedResult): void {
    this.#commands += commands.length;
    this.rules.applied(commands, result);
  }

  /** @param oldestCommitAt of a batch, ms since the epoch */
  acknowledged(oldestCommitAt: number): void {
    const delay = Math.max(0, this.#now() - oldestCommitAt);
    this.#delays.count += 1;
    this.#delays.sum += delay;
    this.#delays.max = Math.max(this.#delays.max, delay);
  }

  /** Delays since the last call; undefined if there was no batch. */
  takeDelays(): Delays | undefined {
    const { count, sum, max } = this.#delays;
    this.#delays = { count: 0, sum: 0, max: 0 };
    return count === 0 ? undefined : { mean: sum / count, max };
  }
}
