import type { Log, Sleep } from './ports.ts';
import { ThrottleNotice } from './throttle-notice.ts';
import { TokenBucket } from './token-bucket.ts';

export interface GlobalLimitOptions {
  /** Deletes in a second. */
  readonly rate: number;
  /** Ends the waits. */
  readonly signal: AbortSignal;
  readonly sleep: Sleep;
  readonly now: () => number;
  readonly log: Log;
}

/** The rate of all deletes. Who waits holds a place in flight, so that later changes gather and coalesce. */
export class GlobalLimit {
  readonly #options: GlobalLimitOptions;
  readonly #bucket: TokenBucket;
  readonly #notice: ThrottleNotice;
  #last: Promise<unknown> = Promise.resolve();

  constructor(options: GlobalLimitOptions) {
    this.#options = options;
    this.#bucket = new TokenBucket(options.rate);
    this.#notice = new ThrottleNotice({ max_deletes_per_second: options.rate }, options);
  }

  /** Deletes that can be acquired together. */
  get burst(): number {
    return this.#bucket.burst;
  }

  /** Waits, first come first served, until `count` deletes, `burst` at most, may be sent; false when it was given up. */
  acquire(count: number): Promise<boolean> {
    const turn = this.#last.then(() => this.#wait(count));
    this.#last = turn;
    return turn;
  }

  async #wait(count: number): Promise<boolean> {
    const { signal, sleep, now } = this.#options;
    let missing = count - this.#bucket.take(count, now());
    if (missing > 0) this.#notice.delayed(missing);
    while (missing > 0) {
      if (signal.aborted) return false;
      await sleep(this.#bucket.delay(missing, now()), signal);
      missing -= this.#bucket.take(missing, now());
      this.#notice.delayed(0);
    }
    return true;
  }
}
