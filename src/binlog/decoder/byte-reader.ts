/** The numbers in a buffer: reading them through a view costs a third of what reading byte by byte costs. */
export function viewOf(buffer: Buffer): DataView {
  return new DataView(buffer.buffer, buffer.byteOffset, buffer.length);
}

/** Whether these bytes stand at `at`; the caller knows that there are as many. */
export function hasBytes(view: DataView, at: number, bytes: DataView): boolean {
  const { byteLength } = bytes;
  let index = 0;
  for (; index + 4 <= byteLength; index += 4) {
    if (view.getInt32(at + index, true) !== bytes.getInt32(index, true)) return false;
  }
  for (; index < byteLength; index += 1) {
    if (view.getUint8(at + index) !== bytes.getUint8(index)) return false;
  }
  return true;
}

/** A place in a buffer that moves with every read. Numbers are little-endian unless named otherwise. */
export class ByteReader {
  readonly buffer: Buffer;
  readonly view: DataView;
  offset: number;
  /** First byte that does not belong to what is read. */
  end: number;

  /** @param view of the buffer, where there is one already */
  constructor(buffer: Buffer, offset: number, end: number, view = viewOf(buffer)) {
    this.buffer = buffer;
    this.view = view;
    this.offset = offset;
    this.end = end;
  }

  /** One unsigned byte. @throws RangeError behind the end */
  byte(): number {
    const at = this.offset;
    if (at >= this.end) throw new RangeError('read behind the end of the event');
    this.offset = at + 1;
    return this.buffer[at] ?? 0;
  }

  /** An unsigned integer of 1 to 6 bytes. */
  uint(bytes: number): number {
    const at = this.#take(bytes);
    if (bytes === 2) return this.view.getUint16(at, true);
    if (bytes === 4) return this.view.getUint32(at, true);
    return bytes === 1 ? (this.buffer[at] ?? 0) : this.buffer.readUIntLE(at, bytes);
  }

  /** A length-encoded integer of the MySQL protocol; those beyond 2^53 are refused. */
  lengthEncoded(): number {
    const first = this.byte();
    if (first < 0xfb) return first;
    if (first === 0xfc) return this.uint(2);
    if (first === 0xfd) return this.uint(3);
    const low = this.uint(4);
    const high = this.uint(4);
    if (first !== 0xfe || high > 0x1f_ffff) throw new RangeError('not a length-encoded integer');
    return high * 2 ** 32 + low;
  }

  /** A view, not a copy. */
  bytes(length: number): Buffer {
    const at = this.#take(length);
    return this.buffer.subarray(at, at + length);
  }

  utf8(length: number): string {
    const at = this.#take(length);
    return this.buffer.toString('utf8', at, at + length);
  }

  skip(length: number): void {
    this.#take(length);
  }

  #take(length: number): number {
    const at = this.offset;
    if (length < 0 || at + length > this.end) throw new RangeError('read behind the end of the event');
    this.offset = at + length;
    return at;
  }
}
