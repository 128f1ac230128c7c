import type { SourcePosition } from '../change/position.ts';
import type { CommandBatch } from '../change/command.ts';

/** One batch, or neighbours that are acknowledged: no commands are kept, and a slow batch holds few entries up. */
interface Outstanding {
  readonly lastSeq: number;
  readonly bytes: number;
  readonly oldestCommitAt: number | undefined;
  readonly resumeAfter: SourcePosition | undefined;
  readonly acknowledged: boolean;
}

/**
 * Batches that were sent and are not all acknowledged yet, in the order of the binlog.
 *
 * Acknowledgements may arrive in any order; the position moves only over an unbroken run of acknowledged
 * batches, so it never passes a change that Redis has not confirmed.
 */
export class InFlightWindow {
  readonly #queue: Outstanding[] = [];
  #bytes = 0;

  /** Binlog bytes of the batches that hold the position back. */
  get bytes(): number {
    return this.#bytes;
  }

  /** Commit time of the oldest change that holds the position back, ms since the epoch. */
  get oldestCommitAt(): number | undefined {
    return this.#queue.find((entry) => entry.oldestCommitAt !== undefined)?.oldestCommitAt;
  }

  /** The number of the oldest batch that is not acknowledged; undefined if all are. */
  get oldestSeq(): number | undefined {
    return this.#queue[0]?.lastSeq;
  }

  /** Adds a batch behind all others; `seq` must grow. */
  add(batch: CommandBatch): void {
    const { seq, bytes, oldestCommitAt, resumeAfter } = batch;
    this.#queue.push({ lastSeq: seq, bytes, oldestCommitAt, resumeAfter, acknowledged: false });
    this.#bytes += bytes;
  }

  /**
   * Marks a batch as acknowledged by Redis. Returns the newest position at which the binlog may now be
   * resumed, or undefined when an older batch still holds it back or no transaction ended.
   */
  acknowledge(seq: number): SourcePosition | undefined {
    const at = this.#find(seq);
    const entry = this.#queue[at];
    if (entry?.lastSeq !== seq || entry.acknowledged) throw new RangeError(`batch ${seq} is not in flight`);
    this.#queue[at] = { ...entry, acknowledged: true };
    this.#join(at);
    this.#join(at - 1);
    const [done] = this.#queue;
    if (done === undefined || !done.acknowledged) return undefined;
    this.#queue.shift();
    this.#bytes -= done.bytes;
    return done.resumeAfter;
  }

  /** What is in flight moves the position no more: it is set back behind all of it. */
  forgetPositions(): void {
    for (const [at, entry] of this.#queue.entries()) this.#queue[at] = { ...entry, resumeAfter: undefined };
  }

  /** The first entry that ends at `seq` or later; there may be very many while deletes are held back. */
  #find(seq: number): number {
    let [low, high] = [0, this.#queue.length];
    while (low < high) {
      const middle = (low + high) >>> 1;
      if ((this.#queue[middle]?.lastSeq ?? seq) < seq) low = middle + 1;
      else high = middle;
    }
    return low;
  }

  /** Makes an entry and the one behind it one, if both are acknowledged. */
  #join(at: number): void {
    const [one, other] = [this.#queue[at], this.#queue[at + 1]];
    if (!one?.acknowledged || !other?.acknowledged) return;
    this.#queue.splice(at, 2, {
      lastSeq: other.lastSeq,
      bytes: one.bytes + other.bytes,
      oldestCommitAt: one.oldestCommitAt ?? other.oldestCommitAt,
      resumeAfter: other.resumeAfter ?? one.resumeAfter,
      acknowledged: true,
    });
  }
}
