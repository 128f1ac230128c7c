import type { CommandBatch } from '../change/command.ts';
import type { Barrier, Sleep, Visibility } from './ports.ts';

/** Commands that may wait for their repetition; then nothing more is sent, and soon nothing more is read. */
const MAX_COMMANDS = 100_000;
/** When nobody can tell, this is far longer than a commit takes to become visible, ms. */
const UNKNOWABLE_DELAY = 1000;
/** Three times MySQL's default wait for a semi-synchronous replica, the longest that a commit usually waits, ms. */
const LONGEST_DOUBT = 30_000;
const ASK_AGAIN_AFTER = 100;

/**
 * Batches that were sent to Redis without knowing whether their changes were visible. Their deletes have to be
 * repeated later, and only then count as done. They wait in order, outside the in-flight window, and one at a
 * time asks the barrier.
 */
export class DoubtfulBatches {
  readonly #barrier: Barrier;
  readonly #sleep: Sleep;
  #last: Promise<unknown> = Promise.resolve();
  #commands = 0;
  #batches = 0;

  constructor(barrier: Barrier, sleep: Sleep) {
    this.#barrier = barrier;
    this.#sleep = sleep;
  }

  get isEmpty(): boolean {
    return this.#batches === 0;
  }

  get isFull(): boolean {
    return this.#commands >= MAX_COMMANDS;
  }

  /**
   * Calls `repeat` once the changes are visible, or have been in doubt for long enough; not at all after an
   * abort. Settles with it.
   */
  async repeatLater(
    batch: CommandBatch,
    doubt: Exclude<Visibility, 'visible'>,
    signal: AbortSignal,
    repeat: () => Promise<void>,
  ): Promise<void> {
    const since = performance.now();
    this.#batches += 1;
    this.#commands += sizeOf(batch);
    const turn = this.#last.then(() => this.#resolved(batch, doubt, since, signal));
    this.#last = turn;
    try {
      await turn;
      if (!signal.aborted) await repeat();
    } finally {
      this.#batches -= 1;
      this.#commands -= sizeOf(batch);
    }
  }

  async #resolved(
    { marks }: CommandBatch,
    doubt: Exclude<Visibility, 'visible'>,
    since: number,
    signal: AbortSignal,
  ): Promise<void> {
    let answer: Visibility = doubt;
    while (answer === 'unknown' && !signal.aborted && performance.now() - since < LONGEST_DOUBT) {
      answer = await this.#barrier.pass(marks, signal);
      if (answer === 'unknown') await this.#sleep(ASK_AGAIN_AFTER, signal);
    }
    if (answer === 'unknowable') {
      await this.#sleep(Math.max(0, since + UNKNOWABLE_DELAY - performance.now()), signal);
    }
  }
}

function sizeOf({ commands, lookups }: CommandBatch): number {
  return commands.length + lookups.length;
}
