import { zstdDecompressSync } from 'node:zlib';
import type { ByteReader } from './byte-reader.ts';
import { deliver, PayloadStream } from './payload-stream.ts';
import type { PayloadConsumer } from './payload-stream.ts';

/** What stands in front of a compressed transaction. */
export interface PayloadFields {
  readonly compression: number;
  /** Bytes, as the server says. */
  readonly uncompressedSize: number;
  /** Bytes that follow; undefined if it does not say. */
  readonly size: number | undefined;
}

const FIELD = { END: 0, SIZE: 1, COMPRESSION: 2, UNCOMPRESSED_SIZE: 3 } as const;
export const COMPRESSION = { ZSTD: 0, NONE: 255 } as const;
/** Transactions up to this size are expanded at once, bytes; larger ones in pieces. */
const AT_ONCE = 256 * 1024;

/**
 * Delivers the events of a compressed transaction (binlog_transaction_compression = ON) whose bytes are all there: a
 * small one at once, a large one in pieces; then it returns a promise.
 *
 * Source: MySQL, libs/mysql/binlog/event/codecs/binary.cpp, Transaction_payload.
 * @throws RangeError, also through the promise, when it cannot be read
 */
export function expandPayload(reader: ByteReader, consumer: PayloadConsumer): Promise<void> | undefined {
  const { compression, uncompressedSize, size } = readPayloadFields(reader);
  const body = reader.bytes(reader.end - reader.offset);
  if (size !== undefined && size !== body.length) throw new RangeError('a payload of another size');
  if (compression === COMPRESSION.NONE) {
    return deliverAll(body, consumer);
  }
  if (compression !== COMPRESSION.ZSTD) throw new RangeError(`unknown compression ${compression}`);
  if (uncompressedSize <= AT_ONCE) {
    return deliverAll(zstdDecompressSync(body, { maxOutputLength: AT_ONCE }), consumer);
  }
  return expandInPieces(body, consumer);
}

/** Reads the fields up to where the transaction begins. @throws RangeError when they are damaged */
export function readPayloadFields(reader: ByteReader): PayloadFields {
  let size: number | undefined;
  let compression: number = COMPRESSION.NONE;
  let uncompressedSize = Infinity;
  for (let field = reader.lengthEncoded(); field !== FIELD.END; field = reader.lengthEncoded()) {
    const next = reader.lengthEncoded() + reader.offset;
    switch (field) {
      case FIELD.SIZE:
        size = reader.lengthEncoded();
        break;
      case FIELD.COMPRESSION:
        compression = reader.lengthEncoded();
        break;
      case FIELD.UNCOMPRESSED_SIZE:
        uncompressedSize = reader.lengthEncoded();
        break;
      default:
        reader.skip(next - reader.offset);
    }
    if (reader.offset !== next) throw new RangeError('a payload field of another length');
  }
  return { compression, uncompressedSize, size };
}

function deliverAll(buffer: Buffer, consumer: PayloadConsumer): Promise<void> | undefined {
  const requireAll = (delivered: number): void => {
    if (delivered !== buffer.length) throw new RangeError('truncated events in a payload');
  };
  const delivered = deliver(buffer, buffer.length, buffer.length, consumer);
  if (typeof delivered !== 'number') return delivered.then(requireAll);
  requireAll(delivered);
  return undefined;
}

async function expandInPieces(body: Buffer, consumer: PayloadConsumer): Promise<void> {
  const stream = new PayloadStream(consumer);
  await stream.write(body);
  await stream.end();
}
