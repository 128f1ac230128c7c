import { createZstdDecompress, zstdDecompressSync } from 'node:zlib';
import type { ByteReader } from './byte-reader.ts';
import { HEADER_BYTES } from './event-type.ts';

export interface PayloadConsumer {
  /** One event of the transaction, which lies in the buffer; a promise holds the next ones back. */
  event(buffer: Buffer, start: number, end: number): Promise<void> | undefined;
  /** A promise while nothing more should be delivered. It rejects when the stream is over. */
  whenWritable(): Promise<void> | undefined;
}

const FIELD = { END: 0, SIZE: 1, COMPRESSION: 2, UNCOMPRESSED_SIZE: 3 } as const;
const COMPRESSION = { ZSTD: 0, NONE: 255 } as const;
/** Transactions up to this size are expanded at once, bytes; larger ones in pieces. */
const AT_ONCE = 256 * 1024;
const PIECE = 64 * 1024;

/**
 * Delivers the events of a compressed transaction (binlog_transaction_compression = ON): a small one at once, a
 * large one in pieces, with memory bounded by a piece and the largest event; then it returns a promise.
 *
 * Source: MySQL, libs/mysql/binlog/event/codecs/binary.cpp, Transaction_payload.
 * @throws RangeError, also through the promise, when it cannot be read
 */
export function expandPayload(reader: ByteReader, consumer: PayloadConsumer): Promise<void> | undefined {
  const { compression, uncompressedSize, body } = readPayload(reader);
  if (compression === COMPRESSION.NONE) {
    return deliverAll(body, consumer);
  }
  if (compression !== COMPRESSION.ZSTD) throw new RangeError(`unknown compression ${compression}`);
  if (uncompressedSize <= AT_ONCE) {
    return deliverAll(zstdDecompressSync(body, { maxOutputLength: AT_ONCE }), consumer);
  }
  return expandInPieces(body, consumer);
}

interface Payload {
  readonly compression: number;
  /** Bytes, as the server says. */
  readonly uncompressedSize: number;
  readonly body: Buffer;
}

function readPayload(reader: ByteReader): Payload {
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
  const body = reader.bytes(reader.end - reader.offset);
  if (size !== undefined && size !== body.length) throw new RangeError('a payload of another size');
  return { compression, uncompressedSize, body };
}

function deliverAll(buffer: Buffer, consumer: PayloadConsumer): Promise<void> | undefined {
  const requireAll = (delivered: number): void => {
    if (delivered !== buffer.length) throw new RangeError('truncated events in a payload');
  };
  const delivered = deliver(buffer, 0, consumer);
  if (typeof delivered !== 'number') return delivered.then(requireAll);
  requireAll(delivered);
  return undefined;
}

/** Delivers the events from `from` on that are complete; gives where the first incomplete one begins. */
function deliver(buffer: Buffer, from: number, consumer: PayloadConsumer): number | Promise<number> {
  let at = from;
  while (at + HEADER_BYTES <= buffer.length) {
    const length = buffer.readUInt32LE(at + 9);
    if (length < HEADER_BYTES) throw new RangeError('an event shorter than its header');
    if (at + length > buffer.length) break;
    const end = at + length;
    const pending = consumer.event(buffer, at, end);
    at = end;
    if (pending !== undefined) return pending.then(() => deliver(buffer, end, consumer));
  }
  return at;
}

async function expandInPieces(body: Buffer, consumer: PayloadConsumer): Promise<void> {
  const decompressor = createZstdDecompress({ chunkSize: PIECE });
  decompressor.end(body);
  let parts: Buffer[] = [];
  let have = 0;
  let need = HEADER_BYTES;
  for await (const piece of decompressor) {
    if (!Buffer.isBuffer(piece)) throw new RangeError('the decompressor gave no bytes');
    parts.push(piece);
    have += piece.length;
    // An event over many pieces is put together once, not once a piece.
    if (have < need) continue;
    const joined = parts.length === 1 ? piece : Buffer.concat(parts, have);
    const rest = joined.subarray(await deliver(joined, 0, consumer));
    parts = rest.length === 0 ? [] : [rest];
    have = rest.length;
    need = have < HEADER_BYTES ? HEADER_BYTES : rest.readUInt32LE(9);
    await consumer.whenWritable();
  }
  if (have > 0) throw new RangeError('truncated events in a payload');
}
