import type { SourcePosition } from '../change/position.ts';
import type { CommandBatch } from '../change/command.ts';

interface Outstanding {
  batch: CommandBatch;
  acknowledged: boolean;
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
    return this.#queue.find((entry) => entry.batch.oldestCommitAt !== undefined)?.batch.oldestCommitAt;
  }

  /** Adds a batch behind all others; `seq` must grow. */
  add(batch: CommandBatch): void {
    this.#queue.push({ batch, acknowledged: false });
    this.#bytes += batch.bytes;
  }

  /**
   * Marks a batch as acknowledged by Redis. Returns the newest position at which the binlog may now be
   * resumed, or undefined when an older batch still holds it back or no transaction ended.
   */
  acknowledge(seq: number): SourcePosition | undefined {
    const entry = this.#queue.find((candidate) => candidate.batch.seq === seq);
    if (entry === undefined) throw new RangeError(`batch ${seq} is not in flight`);
    entry.acknowledged = true;
    // It may wait long for an older batch, and only its position is still needed.
    entry.batch = { ...entry.batch, commands: [], marks: [] };
    let resumeAfter: SourcePosition | undefined;
    while (this.#queue[0]?.acknowledged) {
      const [done] = this.#queue.splice(0, 1);
      if (done === undefined) break;
      this.#bytes -= done.batch.bytes;
      resumeAfter = done.batch.resumeAfter ?? resumeAfter;
    }
    return resumeAfter;
  }
}
