import { describe, expect, it } from 'vitest';
import { lockName } from './lock-name.ts';

describe('the name of the lock', () => {
  it('tells database and client as long as it fits, and is never longer than a lock may be called', () => {
    expect(lockName('unstale', 'shop')).toBe('unstale:unstale:shop');
    const long = lockName('unstale', 'a'.repeat(64));
    expect(long).toMatch(/^unstale:[\da-f]{48}$/);
    expect(long).not.toBe(lockName('unstale', `${'a'.repeat(63)}b`));
  });
});
