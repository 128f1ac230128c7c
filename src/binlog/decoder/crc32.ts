import { crc32 as nativeCrc32 } from 'node:zlib';

/** Below this many bytes a call into the runtime costs more than the loop. */
const SHORT = 512;
const REVERSED_POLYNOMIAL = 0xedb8_8320;

/**
 * Tables for eight bytes at a time ("slicing by 8"): `TABLES[n * 256 + byte]` is the effect of a byte with n bytes
 * behind it.
 *
 * Source: M. Kounavis, F. Berry, "Novel Table Lookup-Based Algorithms for High-Performance CRC Generation", 2008.
 */
const TABLES = sliceTables();

/**
 * CRC-32 as zlib and MySQL compute it, of the bytes from `start` to `end`. Events of a hundred bytes take half the
 * time of `zlib.crc32` on a view of them (53 against 112 ms for 500,000).
 */
export function crc32(view: DataView, start: number, end: number): number {
  if (end - start >= SHORT)
    return nativeCrc32(new Uint8Array(view.buffer, view.byteOffset + start, end - start));
  const tables = TABLES;
  let crc = -1;
  let at = start;
  for (; at + 8 <= end; at += 8) {
    crc ^= view.getInt32(at, true);
    const high = view.getInt32(at + 4, true);
    crc =
      entry(tables, 7, crc & 255) ^
      entry(tables, 6, (crc >>> 8) & 255) ^
      entry(tables, 5, (crc >>> 16) & 255) ^
      entry(tables, 4, crc >>> 24) ^
      entry(tables, 3, high & 255) ^
      entry(tables, 2, (high >>> 8) & 255) ^
      entry(tables, 1, (high >>> 16) & 255) ^
      entry(tables, 0, high >>> 24);
  }
  for (; at < end; at += 1) crc = entry(tables, 0, (crc ^ view.getUint8(at)) & 255) ^ (crc >>> 8);
  return ~crc >>> 0;
}

function entry(tables: Int32Array, behind: number, byte: number): number {
  return tables[behind * 256 + byte] ?? 0;
}

function sliceTables(): Int32Array {
  const tables = new Int32Array(8 * 256);
  for (let byte = 0; byte < 256; byte += 1) {
    let crc = byte;
    for (let bit = 0; bit < 8; bit += 1)
      crc = (crc & 1) === 1 ? (crc >>> 1) ^ REVERSED_POLYNOMIAL : crc >>> 1;
    tables[byte] = crc;
  }
  for (let at = 256; at < tables.length; at += 1) {
    const shorter = tables[at - 256] ?? 0;
    tables[at] = (shorter >>> 8) ^ entry(tables, 0, shorter & 255);
  }
  return tables;
}
