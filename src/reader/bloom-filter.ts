import { Buffer } from 'node:buffer';
import { ReaderError } from './errors.ts';

export interface BloomFilterOptions {
  /** How many keys it is made for. */
  readonly expected: number;
  /** Share of unknown keys that it takes for known ones when it holds `expected` keys, e.g. 0.01. */
  readonly falsePositiveRate: number;
}

/** A set of keys that never denies one that was added, and sometimes claims to know one that was not. */
export interface BloomFilter {
  /** Size of the set in memory. */
  readonly bytes: number;
  add(key: string): void;
  has(key: string): boolean;
  /** For `restoreBloomFilter`, in this or another process. */
  serialise(): Buffer;
}

/** `UBF` and the version of the format, the number of hashes, the number of bits; then the bits. */
const MAGIC = 0x55_42_46_01;
const HEADER_BYTES = 12;
const MAX_BITS = 2 ** 32 - 8;

/** @throws ReaderError UNSTALE_READER_OPTIONS when no such filter can be made */
export function createBloomFilter({ expected, falsePositiveRate }: BloomFilterOptions): BloomFilter {
  if (!(expected >= 1) || !(falsePositiveRate > 0 && falsePositiveRate < 1))
    throw new ReaderError(
      'UNSTALE_READER_OPTIONS',
      'a filter takes expected >= 1 and a rate between 0 and 1',
    );
  const wanted = Math.ceil((-expected * Math.log(falsePositiveRate)) / Math.LN2 ** 2);
  if (wanted > MAX_BITS) throw new ReaderError('UNSTALE_READER_OPTIONS', 'a filter of more than 512 MiB');
  const bits = Math.max(64, Math.ceil(wanted / 8) * 8);
  const hashes = Math.max(1, Math.min(30, Math.round((bits / expected) * Math.LN2)));
  return filterOver(Buffer.alloc(bits / 8), hashes);
}

/** @throws ReaderError UNSTALE_READER_OPTIONS for bytes that `serialise` did not give */
export function restoreBloomFilter(serialised: Uint8Array): BloomFilter {
  const bytes = Buffer.from(serialised);
  const isWhole =
    bytes.length > HEADER_BYTES &&
    bytes.readUInt32BE(0) === MAGIC &&
    bytes.readUInt32BE(8) === (bytes.length - HEADER_BYTES) * 8;
  const hashes = isWhole ? bytes.readUInt32BE(4) : 0;
  if (hashes < 1 || hashes > 30) throw new ReaderError('UNSTALE_READER_OPTIONS', 'these bytes are no filter');
  return filterOver(bytes.subarray(HEADER_BYTES), hashes);
}

function filterOver(words: Buffer, hashes: number): BloomFilter {
  const bits = words.length * 8;
  return {
    bytes: words.length,
    add(key) {
      let bit = hash(key, 0x9747_b28c);
      const step = stepOf(key);
      for (let index = 0; index < hashes; index += 1) {
        const at = bit % bits;
        words[at >>> 3] = (words[at >>> 3] ?? 0) | (1 << (at & 7));
        bit = (bit + step) >>> 0;
      }
    },
    has(key) {
      let bit = hash(key, 0x9747_b28c);
      const step = stepOf(key);
      for (let index = 0; index < hashes; index += 1) {
        const at = bit % bits;
        if (((words[at >>> 3] ?? 0) & (1 << (at & 7))) === 0) return false;
        bit = (bit + step) >>> 0;
      }
      return true;
    },
    serialise() {
      const header = Buffer.alloc(HEADER_BYTES);
      header.writeUInt32BE(MAGIC, 0);
      header.writeUInt32BE(hashes, 4);
      header.writeUInt32BE(bits, 8);
      return Buffer.concat([header, words]);
    },
  };
}

/** Odd, so that the positions of one key differ. */
function stepOf(key: string): number {
  return (hash(key, 0x3c6e_f372) | 1) >>> 0;
}

/** MurmurHash3's 32-bit mixing over the UTF-16 units of the key. */
function hash(key: string, seed: number): number {
  let state = seed;
  for (let index = 0; index < key.length; index += 1) {
    let unit = Math.imul(key.charCodeAt(index), 0xcc9e_2d51);
    unit = Math.imul((unit << 15) | (unit >>> 17), 0x1b87_3593);
    state ^= unit;
    state = Math.imul((state << 13) | (state >>> 19), 5) + 0xe654_6b64;
  }
  state ^= key.length;
  state = Math.imul(state ^ (state >>> 16), 0x85eb_ca6b);
  state = Math.imul(state ^ (state >>> 13), 0xc2b2_ae35);
  return (state ^ (state >>> 16)) >>> 0;
}
