import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatKeyPart } from './format-value.ts';

describe('a key part', () => {
  it('is text as it is, the empty text included', () => {
    expect(formatKeyPart('12345678901234567890')).toBe('12345678901234567890');
    expect(formatKeyPart('')).toBe('');
  });

  it('is an integer in decimal', () => {
    fc.assert(
      fc.property(fc.maxSafeInteger(), (value) => {
        expect(formatKeyPart(value)).toBe(BigInt(value).toString());
      }),
    );
  });

  it('is null for SQL NULL', () => {
    expect(formatKeyPart(null)).toBeNull();
  });

  it.each([[1.5], [1e21], [Number.NaN], [Number.POSITIVE_INFINITY], [new Uint8Array([1])]])(
    'is unknown for %s, which has no exact text form',
    (value) => {
      expect(formatKeyPart(value)).toBeUndefined();
    },
  );
});
