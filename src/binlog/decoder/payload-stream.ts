import { createZstdDecompress } from 'node:zlib';
import { HEADER_BYTES } from './event-type.ts';

export interface PayloadConsumer {
  /** One event of the transaction, which lies in the buffer; a promise holds the next ones back. */
  event(buffer: Buffer, start: number, end: number): Promise<void> | undefined;
  /** A promise while nothing more should be delivered. It rejects when the stream is over. */
  whenWritable(): Promise<void> | undefined;
}

/** Bytes that are expanded at a time. */
const PIECE = 32 * 1024;
/** Larger than a piece and the events of rows, bytes; it grows for a larger event. */
const FIRST_WINDOW = 2 * PIECE;

/**
 * Expands a compressed transaction while its bytes come, with memory bounded by a piece, the largest event and what the
 * compression looks back (2 MiB with the server's default level). The last event, which is the commit, is delivered only
 * after `end`.
 */
export class PayloadStream {
  readonly #consumer: PayloadConsumer;
  readonly #decompressor = createZstdDecompress({ chunkSize: PIECE });
  readonly #ended = Promise.withResolvers<void>();
  readonly #delivered: Promise<void>;

  constructor(consumer: PayloadConsumer) {
    this.#consumer = consumer;
    this.#delivered = this.#deliverAll();
    // Reported by whoever waits next.
    this.#delivered.catch(() => undefined);
  }

  /**
   * Takes the next bytes, which must stay as they are until the promise is settled.
   * @throws RangeError, or what the decompressor throws, when they cannot be read; what the consumer throws
   */
  async write(bytes: Buffer): Promise<void> {
    const taken = new Promise<void>((resolve, reject) => {
      this.#decompressor.write(bytes, (error) => {
        if (error === null || error === undefined) resolve();
        else reject(error);
      });
    });
    try {
      await Promise.race([taken, this.#delivered]);
    } catch (error) {
      // The cause, where `error` only says that there is nobody any more who reads.
      await this.#delivered;
      throw error;
    }
  }

  /** That was all; resolves when everything is delivered. @throws like `write` */
  async end(): Promise<void> {
    this.#ended.resolve();
    this.#decompressor.end();
    await this.#delivered;
  }

  /** Frees what it holds; nothing is delivered any more. */
  abandon(): void {
    this.#decompressor.destroy();
  }

  async #deliverAll(): Promise<void> {
    let window: Buffer = Buffer.allocUnsafeSlow(FIRST_WINDOW);
    let have = 0;
    for await (const piece of this.#decompressor) {
      if (!Buffer.isBuffer(piece)) throw new RangeError('the decompressor gave no bytes');
      if (have + piece.length > window.length) window = grown(window, have + piece.length);
      have += piece.copy(window, have);
      const rest = await deliver(window, have, lastEvent(window, have), this.#consumer);
      window.copyWithin(0, rest, have);
      have -= rest;
      await this.#consumer.whenWritable();
    }
    await this.#ended.promise;
    if ((await deliver(window, have, have, this.#consumer)) !== have)
      throw new RangeError('truncated events in a payload');
  }
}

/**
 * Delivers the complete events that begin before `until`; gives where the next one begins, or a promise while one takes
 * longer.
 * @throws RangeError for an event that is shorter than its header
 */
export function deliver(
  buffer: Buffer,
  length: number,
  until: number,
  consumer: Pick<PayloadConsumer, 'event'>,
  from = 0,
): number | Promise<number> {
  let at = from;
  while (at < until) {
    const end = endOf(buffer, at, length);
    if (end === undefined) break;
    const pending = consumer.event(buffer, at, end);
    at = end;
    if (pending !== undefined) return pending.then(() => deliver(buffer, length, until, consumer, end));
  }
  return at;
}

/** Where the last complete event begins; 0 if there is none. */
function lastEvent(buffer: Buffer, length: number): number {
  let last = 0;
  for (let at = 0; ;) {
    const end = endOf(buffer, at, length);
    if (end === undefined) return last;
    last = at;
    at = end;
  }
}

/** Where the event at `at` ends, if it is complete. */
function endOf(buffer: Buffer, at: number, length: number): number | undefined {
  if (at + HEADER_BYTES > length) return undefined;
  const bytes = buffer.readUInt32LE(at + 9);
  if (bytes < HEADER_BYTES) throw new RangeError('an event shorter than its header');
  return at + bytes <= length ? at + bytes : undefined;
}

function grown(window: Buffer, least: number): Buffer {
  const larger = Buffer.allocUnsafeSlow(Math.max(least, window.length * 2));
  window.copy(larger);
  return larger;
}
