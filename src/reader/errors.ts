/** Every code of an error that the kit makes itself, and what it means. docs/reader.md lists the same. */
export const READER_ERROR_CODES = {
  UNSTALE_READER_OPTIONS: 'an option, or the Redis client that was given, cannot be used',
  UNSTALE_READER_REDIS_TIMEOUT: 'Redis did not answer in time',
  UNSTALE_READER_CIRCUIT_OPEN: 'Redis failed repeatedly and is left alone for a while',
  UNSTALE_READER_INVALIDATE: 'keys could not be removed; the daemon removes them when it sees the commit',
  UNSTALE_READER_LOAD_LIMIT: 'too many loads without a lease run or wait already',
  UNSTALE_READER_LOAD_TIMEOUT: 'the load took longer than allowed',
  UNSTALE_READER_LEASE_SPENT: 'a lease was used twice',
  UNSTALE_READER_GTID: 'a text is no GTID set',
  UNSTALE_READER_CLOSED: 'the reader is closed',
} as const;

export type ReaderErrorCode = keyof typeof READER_ERROR_CODES;

/** An error of the kit itself. Errors of loaders are passed on as they are. */
export class ReaderError extends Error {
  override readonly name = 'ReaderError';
  readonly code: ReaderErrorCode;

  constructor(code: ReaderErrorCode, detail?: string, options?: ErrorOptions) {
    super(
      detail === undefined ? READER_ERROR_CODES[code] : `${READER_ERROR_CODES[code]}: ${detail}`,
      options,
    );
    this.code = code;
  }
}
