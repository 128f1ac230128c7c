import { formatUuid } from './control-events.ts';
import type { GtidEvent } from './control-events.ts';

const UUID_BYTES = 16;

/**
 * Reads MySQL's GTID events without a tag, which begin every transaction; it remembers the text of the last UUID.
 *
 * Flags 1, source UUID 16, number 8, logical clock 1 + 8 + 8, then 7 bytes of commit time in microseconds whose
 * highest bit says that an original time follows; servers before 8.0.1 leave the times out.
 *
 * Source: MySQL, libs/mysql/binlog/event/control_events.h, Gtid_event.
 */
export class GtidReader {
  #bytes: Buffer = Buffer.alloc(UUID_BYTES);
  #uuid = formatUuid(this.#bytes);

  /** @throws RangeError for a truncated event */
  read(buffer: Buffer, body: number, end: number): GtidEvent {
    if (body + 25 > end) throw new RangeError('truncated GTID event');
    const source = this.#sourceAt(buffer, body + 1);
    const sequence = buffer.readUInt32LE(body + 17) + buffer.readUInt32LE(body + 21) * 2 ** 32;
    const at = body + 42;
    const committedAt =
      at + 7 > end
        ? undefined
        : (buffer.readUInt32LE(at) +
            buffer.readUInt16LE(at + 4) * 2 ** 32 +
            ((buffer[at + 6] ?? 0) & 0x7f) * 2 ** 48) /
          1000;
    return { gtid: { source, sequence }, opens: 'by-statement', committedAt, prepares: undefined };
  }

  #sourceAt(buffer: Buffer, at: number): string {
    const known = this.#bytes;
    for (let index = 0; index < UUID_BYTES; index += 1) {
      if (buffer[at + index] === known[index]) continue;
      this.#bytes = Buffer.from(buffer.subarray(at, at + UUID_BYTES));
      this.#uuid = formatUuid(this.#bytes);
      break;
    }
    return this.#uuid;
  }
}
