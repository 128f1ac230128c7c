import type { CacheCommand } from '../change/command.ts';
import { TokenBucket } from './token-bucket.ts';

export type DeleteCommand = Extract<CacheCommand, { kind: 'delete' }>;

/** A delete that waits for a token, and who has to hear when Redis has acknowledged it. */
export interface HeldDelete {
  /** Grows with each delete that is held. */
  readonly ordinal: number;
  readonly command: DeleteCommand;
  readonly waiters: (() => void)[];
}

/**
 * The deletes of one rule that exceed its rate, in order of arrival and each key once: a key that is wanted
 * again while it waits is deleted once, after both changes. A key that was released is held anew.
 */
export class HeldDeletes {
  readonly #bucket: TokenBucket;
  readonly #held = new Map<string, HeldDelete>();
  #last = 0;

  /** @param rate deletes in a second */
  constructor(rate: number) {
    this.#bucket = new TokenBucket(rate);
  }

  get size(): number {
    return this.#held.size;
  }

  /** Changes the rate, deletes in a second, for what waits too. */
  retune(rate: number, now: number): void {
    this.#bucket.retune(rate, now);
  }

  /** Whether a delete may go at once. Takes the token if so. Nothing overtakes what waits. */
  passes(now: number): boolean {
    return this.#held.size === 0 && this.#bucket.take(1, now) === 1;
  }

  /** Holds a delete, or joins the one of the same key that waits already. */
  hold(command: DeleteCommand): HeldDelete {
    const known = this.#held.get(command.key);
    if (known !== undefined) return known;
    this.#last += 1;
    const held: HeldDelete = { ordinal: this.#last, command, waiters: [] };
    this.#held.set(command.key, held);
    return held;
  }

  /** Takes out, oldest first, what there are tokens for, `most` at most. */
  release(most: number, now: number): readonly HeldDelete[] {
    const count = this.#bucket.take(Math.min(most, this.#held.size), now);
    const released: HeldDelete[] = [];
    for (const held of this.#held.values()) {
      if (released.length === count) break;
      released.push(held);
    }
    for (const { command } of released) this.#held.delete(command.key);
    return released;
  }

  /** ms until the next one may go. */
  delay(now: number): number {
    return this.#bucket.delay(1, now);
  }
}
