import type { Pipeline } from '../pipeline/pipeline.ts';
import type { Log } from '../pipeline/ports.ts';

export interface OperatorPauseOptions {
  /** Time for which the source held the binlog back so far, ms. */
  readonly heldBackMs: () => number;
  readonly log: Log;
  readonly now?: () => number;
}

/** Whether an operator holds the daemon back, and for how long. Ends with the process: a restart goes on. */
export class OperatorPause {
  readonly #options: OperatorPauseOptions;
  readonly #now: () => number;
  #pipeline: Pick<Pipeline, 'pause' | 'resume'> | undefined;
  #current: { readonly since: number; readonly heldBackMs: number } | undefined;
  #before = 0;

  constructor(options: OperatorPauseOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
  }

  /** The pipeline that is to be held back from now on, in place of one that has ended. */
  attach(pipeline: Pick<Pipeline, 'pause' | 'resume'>): void {
    this.#pipeline = pipeline;
    if (this.#current !== undefined) pipeline.pause();
  }

  /** ms since the epoch; undefined while nobody has paused it. */
  get since(): number | undefined {
    return this.#current?.since;
  }

  /** Time of pauses in which the source had no need to hold the binlog back itself, ms: it counts the rest. */
  get extraMs(): number {
    return this.#before + this.#extraNow();
  }

  /** Resolves to when it began, ms since the epoch: an earlier one goes on. */
  pause(): number {
    if (this.#current !== undefined) return this.#current.since;
    const { heldBackMs, log } = this.#options;
    this.#pipeline?.pause();
    this.#current = { since: this.#now(), heldBackMs: heldBackMs() };
    log.warn(
      {},
      'paused by the operator: what was read is finished, nothing new is applied until it is resumed',
    );
    return this.#current.since;
  }

  resume(): void {
    const paused = this.#current;
    if (paused === undefined) return;
    this.#before += this.#extraNow();
    this.#current = undefined;
    this.#pipeline?.resume();
    this.#options.log.info({ seconds: (this.#now() - paused.since) / 1000 }, 'resumed by the operator');
  }

  #extraNow(): number {
    if (this.#current === undefined) return 0;
    const { since, heldBackMs } = this.#current;
    return Math.max(0, this.#now() - since - (this.#options.heldBackMs() - heldBackMs));
  }
}
