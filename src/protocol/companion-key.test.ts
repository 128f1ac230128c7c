import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { companionKey } from './companion-key.ts';
import { keySlot, SLOTS, tagForSlot } from './slot.ts';

/** Keys made of what hash tags are made of. */
const adversarial = fc.string({
  unit: fc.constantFrom('a', 'b', '{', '}', ':', '1', 'é', 'unstale:'),
  maxLength: 9,
});

describe('a companion key', () => {
  it('is in the slot of its key, and belongs to no other key', () => {
    const keyOf = new Map<string, string>();
    fc.assert(
      fc.property(adversarial, (key) => {
        const companion = companionKey(key);
        expect(keySlot(companion)).toBe(keySlot(key));
        expect(keyOf.get(companion) ?? key).toBe(key);
        keyOf.set(companion, key);
      }),
      { numRuns: 100_000 },
    );
  });

  it('wraps a plain key, keeps a hash tag, and borrows a tag for what has a stray brace', () => {
    expect(companionKey('user:1')).toBe('unstale:{user:1}');
    expect(companionKey('{user:1}:name')).toBe('unstale:t:{user:1}:name');
    expect(companionKey('a}b')).toBe(`unstale:s:{${tagForSlot(keySlot('a}b'))}}a}b`);
  });
});

describe('a slot', () => {
  it('is what the cluster specification says', () => {
    expect(keySlot('123456789')).toBe(0x31c3);
    expect(keySlot('foo')).toBe(12_182);
    expect(keySlot('{user1000}.following')).toBe(keySlot('user1000'));
    expect(keySlot('foo{}{bar}')).not.toBe(keySlot('bar'));
    expect(keySlot('foo{{bar}}zap')).toBe(keySlot('{bar'));
  });

  it('has a tag that hashes to it', () => {
    for (let slot = 0; slot < SLOTS; slot += 1) expect(keySlot(tagForSlot(slot))).toBe(slot);
    expect(() => tagForSlot(SLOTS)).toThrow(RangeError);
  });
});
