import type { Log, Sleep } from './ports.ts';

/** Without a delayed delete for this long, ms, throttling has ended: a steady stream just above the rate is one storm. */
const CALM = 1000;

/** Says once that deletes are delayed and once that they are no longer. */
export class ThrottleNotice {
  readonly #fields: object;
  readonly #log: Log;
  readonly #sleep: Sleep;
  readonly #now: () => number;
  readonly #signal: AbortSignal;
  #active = false;
  #delayed = 0;
  #latest = 0;

  /** @param fields names the limit, e.g. its rule */
  constructor(
    fields: object,
    tools: {
      readonly log: Log;
      readonly sleep: Sleep;
      readonly now: () => number;
      readonly signal: AbortSignal;
    },
  ) {
    this.#fields = fields;
    this.#log = tools.log;
    this.#sleep = tools.sleep;
    this.#now = tools.now;
    this.#signal = tools.signal;
  }

  /** `count` deletes have to wait, or still do. */
  delayed(count: number): void {
    this.#delayed += count;
    this.#latest = this.#now();
    if (this.#active || this.#signal.aborted) return;
    this.#active = true;
    this.#log.warn(this.#fields, 'more deletes than the limit allows: they are delayed');
    void this.#watch();
  }

  async #watch(): Promise<void> {
    for (let left = CALM; left > 0; left = this.#latest + CALM - this.#now()) {
      await this.#sleep(left, this.#signal);
      if (this.#signal.aborted) return;
    }
    this.#log.info({ ...this.#fields, delayed: this.#delayed }, 'deletes are no longer delayed');
    this.#active = false;
    this.#delayed = 0;
  }
}
