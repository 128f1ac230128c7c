/** Who has the bytes of a socket written into its own memory. */
export interface ByteSink {
  /** Where every read is written. */
  readonly room: Buffer;
  /** So many bytes were written there. */
  wrote(bytes: number): void;
  /** Bytes that were received elsewhere, and that nobody will change. */
  push(bytes: Buffer): void;
}
