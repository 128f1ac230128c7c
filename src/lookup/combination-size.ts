import type { LookupRequest } from '../change/command.ts';

/** Requests that one statement may answer. */
const MOST = 100;
const FIRST = 8;
/** Characters or bytes of their parameters; far below what servers accept as one packet. */
const MOST_TEXT = 65_536;
/** A statement that takes longer, in ms, is better asked in parts at the same time. */
const LONG = 40;

/**
 * How many requests of one lookup to ask in one statement: more and more as long as that is quick and gives few rows,
 * half of it when it is not, and one after an error, so that this is seen to be one of the lookup itself.
 */
export class CombinationSize {
  readonly #most: number;
  readonly #maxRows: number;
  #size: number;

  /** `maxRows` are those that the result of one statement may have. */
  constructor(options: { readonly combinable: boolean; readonly maxRows: number }) {
    this.#most = options.combinable ? MOST : 1;
    this.#maxRows = options.maxRows;
    this.#size = Math.min(FIRST, this.#most);
  }

  /** How many of the requests to take from the front; one at least. */
  of(requests: readonly LookupRequest[]): number {
    let text = 0;
    let count = 0;
    for (const { parameters } of requests.slice(0, this.#size)) {
      for (const value of parameters) text += typeof value === 'number' || value === null ? 8 : value.length;
      if (count > 0 && text > MOST_TEXT) break;
      count += 1;
    }
    return count;
  }

  /** `count` requests were answered by so many rows. */
  answered(count: number, rows: number, milliseconds: number): void {
    if (milliseconds > LONG) this.#size = Math.max(1, Math.floor(count / 2));
    else if (count >= this.#size && milliseconds * 2 <= LONG && rows * 4 <= this.#maxRows)
      this.#size = Math.min(this.#most, this.#size * 2);
  }

  /** The result of `count` requests had more rows than a statement may give. */
  cut(count: number): void {
    this.#size = Math.max(1, Math.floor(count / 2));
  }

  failed(): void {
    this.#size = 1;
  }
}
