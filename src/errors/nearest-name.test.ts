import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { editDistance, nearestName } from './nearest-name.ts';

describe('the nearest name', () => {
  const names = ['url', 'user', 'heartbeat_interval', 'silence_timeout', 'ssl_mode'];

  it.each([
    ['urll', 'url'],
    ['usre', 'user'],
    ['heartbeat_intervall', 'heartbeat_interval'],
    ['heartbeatInterval', 'heartbeat_interval'],
    ['SSL_MODE', 'ssl_mode'],
    ['slient_timeout', 'silence_timeout'],
  ])('of %s is %s', (name, expected) => {
    expect(nearestName(name, names)).toBe(expected);
  });

  it.each(['', 'x', 'password', 'completely_different'])('of %j is none', (name) => {
    expect(nearestName(name, names)).toBeUndefined();
  });
});

describe('the edit distance', () => {
  const word = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 8 });

  it('is zero only for equal texts, symmetric, and at most the longer length', () => {
    fc.assert(
      fc.property(word, word, (one, other) => {
        const distance = editDistance(one, other);
        expect(distance === 0).toBe(one === other);
        expect(editDistance(other, one)).toBe(distance);
        expect(distance).toBeLessThanOrEqual(Math.max(one.length, other.length));
      }),
    );
  });

  it('counts a swap of neighbours once', () => {
    expect(editDistance('usre', 'user')).toBe(1);
  });
});
