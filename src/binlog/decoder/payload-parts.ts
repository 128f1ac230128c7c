import { crc32 } from 'node:zlib';
import type { EventParts } from '../wire/event-consumer.ts';
import { ByteReader } from './byte-reader.ts';
import { CRC32_BYTES, HEADER_BYTES } from './event-type.ts';
import { PayloadStream } from './payload-stream.ts';
import type { PayloadConsumer } from './payload-stream.ts';
import { COMPRESSION, readPayloadFields } from './transaction-payload.ts';

export interface PayloadPartsOptions {
  /** Bytes of the whole event. */
  readonly length: number;
  readonly checksumBytes: number;
  readonly verifyChecksum: boolean;
  readonly consumer: PayloadConsumer;
}

/**
 * Expands a large compressed transaction as its bytes arrive, none of which are kept. Its checksum stands at the end: its
 * rows are delivered before that is known to be right, its commit is not.
 */
export class PayloadParts implements EventParts {
  readonly #stream: PayloadStream;
  readonly #verify: boolean;
  /** Offsets within the event. */
  readonly #bodyAt: number;
  readonly #bodyEnd: number;
  readonly #stored = Buffer.alloc(CRC32_BYTES);
  #at = 0;
  #crc = 0;

  private constructor(options: PayloadPartsOptions, bodyAt: number) {
    this.#stream = new PayloadStream(options.consumer);
    this.#bodyAt = bodyAt;
    this.#bodyEnd = options.length - options.checksumBytes;
    this.#verify = options.verifyChecksum && options.checksumBytes > 0;
  }

  /**
   * For the event that begins with `head`, or undefined if it is not compressed in a known way.
   * @throws RangeError when its fields are damaged
   */
  static of(head: Buffer, options: PayloadPartsOptions): PayloadParts | undefined {
    const reader = new ByteReader(head, HEADER_BYTES, head.length);
    const { compression, size } = readPayloadFields(reader);
    if (compression !== COMPRESSION.ZSTD) return undefined;
    if (size !== undefined && size !== options.length - options.checksumBytes - reader.offset)
      throw new RangeError('a payload of another size');
    return new PayloadParts(options, reader.offset);
  }

  part(bytes: Buffer): Promise<void> | undefined {
    const at = this.#at;
    this.#at = at + bytes.length;
    const covered = bytes.subarray(0, Math.max(0, this.#bodyEnd - at));
    if (this.#verify) {
      this.#crc = crc32(covered, this.#crc);
      bytes.copy(this.#stored, Math.max(0, at - this.#bodyEnd), covered.length);
    }
    const body = covered.subarray(Math.max(0, this.#bodyAt - at));
    return body.length === 0 ? undefined : this.#stream.write(body);
  }

  async end(): Promise<void> {
    if (this.#verify && this.#stored.readUInt32LE() !== this.#crc) {
      this.#stream.abandon();
      throw new RangeError('its checksum is wrong: it was damaged on the server or on the way');
    }
    await this.#stream.end();
  }

  abandon(): void {
    this.#stream.abandon();
  }
}
