/** A place in a buffer that moves with every read. Numbers are little-endian unless named otherwise. */
export class ByteReader {
  buffer: Buffer;
  offset: number;
  /** First byte that does not belong to what is read. */
  end: number;

  constructor(buffer: Buffer, offset: number, end: number) {
    this.buffer = buffer;
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
    const { buffer } = this;
    const at = this.#take(bytes);
    // Without a call into the runtime, which costs more than the arithmetic.
    let value = 0;
    let scale = 1;
    for (let index = 0; index < bytes; index += 1) {
      value += (buffer[at + index] ?? 0) * scale;
      scale *= 256;
    }
    return value;
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
