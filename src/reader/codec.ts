import { Buffer } from 'node:buffer';
import { zstdCompressSync, zstdDecompressSync } from 'node:zlib';

/**
 * How values become what stands in a key, and back. `decode` throws for what is no such value; that counts as a miss
 * that is not filled. `reads` says in which form Redis' reply is wanted: text is quicker, bytes lose nothing.
 */
export type Codec<V> = TextCodec<V> | BytesCodec<V>;

export interface TextCodec<V> {
  readonly reads: 'text';
  encode(value: V): string | Buffer;
  decode(stored: string): V;
}

export interface BytesCodec<V> {
  readonly reads: 'bytes';
  encode(value: V): string | Buffer;
  decode(stored: Buffer): V;
}

const JSON_CODEC: TextCodec<unknown> = {
  reads: 'text',
  encode: (value) => JSON.stringify(value),
  decode: (stored) => JSON.parse(stored),
};

/** The default: JSON text, which clients in any language read. Dates come back as strings. */
export function jsonCodec<V>(): TextCodec<V> {
  return JSON_CODEC as TextCodec<V>;
}

/** The text itself. */
export const stringCodec: TextCodec<string> = {
  reads: 'text',
  encode: (value) => value,
  decode: (stored) => stored,
};

/** The bytes themselves. */
export const bytesCodec: BytesCodec<Buffer> = {
  reads: 'bytes',
  encode: (value) => value,
  decode: (stored) => stored,
};

export interface CompressionOptions {
  /** Values from this size on are compressed, bytes; 1 KiB by default. */
  readonly minBytes?: number;
  /** What a stored value may grow to when it is read, bytes; 64 MiB by default. More counts as undecodable. */
  readonly maxBytes?: number;
}

/** Before a compressed value, and before one that is not but begins with a zero byte. */
const ZSTD = Buffer.from('\0unstale:zstd:');
const PLAIN = Buffer.from('\0unstale:plain:');

/** Compresses large values with zstd. Small ones stand as they are, so it can be switched on over a filled cache. */
export function compressed<V>(
  inner: Codec<V>,
  { minBytes = 1024, maxBytes = 64 * 1024 * 1024 }: CompressionOptions = {},
): BytesCodec<V> {
  const expand = (stored: Buffer): Buffer => {
    if (stored[0] !== 0) return stored;
    if (startsWith(stored, ZSTD))
      return zstdDecompressSync(stored.subarray(ZSTD.length), { maxOutputLength: maxBytes });
    return startsWith(stored, PLAIN) ? stored.subarray(PLAIN.length) : stored;
  };
  return {
    reads: 'bytes',
    encode(value) {
      const encoded = inner.encode(value);
      const plain = typeof encoded === 'string' ? Buffer.from(encoded) : encoded;
      if (plain.length >= minBytes) {
        const packed = zstdCompressSync(plain);
        if (packed.length + ZSTD.length < plain.length) return Buffer.concat([ZSTD, packed]);
      }
      return plain[0] === 0 ? Buffer.concat([PLAIN, plain]) : plain;
    },
    decode(stored) {
      const plain = expand(stored);
      return inner.reads === 'text' ? inner.decode(plain.toString()) : inner.decode(plain);
    },
  };
}

function startsWith(bytes: Buffer, marker: Buffer): boolean {
  return bytes.length >= marker.length && bytes.compare(marker, 0, marker.length, 0, marker.length) === 0;
}
