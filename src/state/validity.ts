/** A moment by two clocks, ms. */
export interface Moment {
  /** Never set, but may stand still while the machine sleeps. */
  readonly monotonic: number;
  /** Goes on while the machine sleeps, but may be set. */
  readonly wall: number;
}

export function now(): Moment {
  return { monotonic: performance.now(), wall: Date.now() };
}

/**
 * Until when the server keeps a session that says nothing. Both clocks have to agree: the earlier one wins, so that
 * neither a sleep of the machine nor a clock that was set back makes it longer. A clock that was set forward only makes
 * it shorter, until the next answer.
 */
export class Validity {
  readonly #length: number;
  #until: Moment | undefined;

  /** @param length of time after the last statement that the server surely waits, ms */
  constructor(length: number) {
    this.#length = length;
  }

  /** The server has answered a statement that was sent at this moment, or later. */
  extend(sent: Moment): void {
    this.#until = { monotonic: sent.monotonic + this.#length, wall: sent.wall + this.#length };
  }

  /** The session is gone. */
  end(): void {
    this.#until = undefined;
  }

  /** ms; 0 when it has ended */
  left(at: Moment): number {
    if (this.#until === undefined) return 0;
    return Math.max(0, Math.min(this.#until.monotonic - at.monotonic, this.#until.wall - at.wall));
  }
}
