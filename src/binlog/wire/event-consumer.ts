/** Takes the events of a dump, one after the other. */
export interface EventConsumer {
  /**
   * A whole event, from its header to its checksum. The bytes stay as they are until this returns, or until the promise
   * is settled; before that no other event is handed on.
   */
  event(buffer: Buffer, start: number, end: number): Promise<void> | undefined;
  /**
   * An event of `length` bytes that does not fit into the buffer; `head` is its beginning, for the time of this call.
   * Gives who takes it in parts, from its first byte on; undefined: it is put together and handed to `event`.
   */
  inParts(head: Buffer, length: number): EventParts | undefined;
}

/** Takes the bytes of one event, its header first. */
export interface EventParts {
  /** The next bytes; they stay as they are until the promise is settled. */
  part(bytes: Buffer): Promise<void> | undefined;
  /** That was all of it. */
  end(): Promise<void> | undefined;
  /** The rest will never come. */
  abandon(): void;
}
