import { hasBytes, viewOf } from './byte-reader.ts';
import type { Gtid } from '../../change/source-event.ts';
import { formatUuid } from './control-events.ts';

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
  #known = viewOf(Buffer.alloc(UUID_BYTES));
  #uuid = '';

  /** @throws RangeError for a truncated event */
  gtid(view: DataView, body: number, end: number): Gtid {
    if (body + 25 > end) throw new RangeError('truncated GTID event');
    const source = this.#sourceAt(view, body + 1);
    return { source, sequence: view.getUint32(body + 17, true) + view.getUint32(body + 21, true) * 2 ** 32 };
  }

  /** ms since the epoch. */
  committedAt(view: DataView, body: number, end: number): number | undefined {
    const at = body + 42;
    if (at + 7 > end) return undefined;
    const low = view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
    return (low + (view.getUint8(at + 6) & 0x7f) * 2 ** 48) / 1000;
  }

  #sourceAt(view: DataView, at: number): string {
    if (this.#uuid === '' || !hasBytes(view, at, this.#known)) {
      const bytes = Buffer.from(new Uint8Array(view.buffer, view.byteOffset + at, UUID_BYTES));
      this.#known = viewOf(bytes);
      this.#uuid = formatUuid(bytes);
    }
    return this.#uuid;
  }
}
