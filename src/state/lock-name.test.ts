import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { lockName } from './lock-name.ts';

const database = fc.stringMatching(/^[A-Za-z0-9_$]{1,64}$/);
const clientId = fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/);

describe('the name of the lock', () => {
  it('is readable where it can be', () => {
    expect(lockName('unstale', 'shop')).toBe('unstale:unstale:shop');
  });

  it('fits every server, and differs for two clients though the server ignores case', () => {
    fc.assert(
      fc.property(database, clientId, clientId, (state, one, other) => {
        const [a, b] = [lockName(state, one), lockName(state, other)];
        expect(a.length).toBeLessThanOrEqual(64);
        expect(a.toLowerCase() === b.toLowerCase()).toBe(one === other);
      }),
    );
    expect(lockName('unstale', 'Shop').toLowerCase()).not.toBe(lockName('unstale', 'shop'));
  });
});
