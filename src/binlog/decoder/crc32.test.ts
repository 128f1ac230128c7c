import { crc32 as zlibCrc32 } from 'node:zlib';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { viewOf } from './byte-reader.ts';
import { crc32 } from './crc32.ts';

it('gives what zlib gives, for any part of any bytes', () => {
  const bytes = fc.uint8Array({ maxLength: 700 });
  fc.assert(
    fc.property(bytes, fc.nat(40), fc.nat(700), (array, start, length) => {
      const buffer = Buffer.from(array);
      const end = Math.min(buffer.length, start + length);
      const from = Math.min(start, end);
      expect(crc32(viewOf(buffer), from, end)).toBe(zlibCrc32(buffer.subarray(from, end)));
    }),
  );
});
