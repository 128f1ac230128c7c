import { expect, it } from 'vitest';

import { isAtLeast } from './server-facts.ts';

it('compares versions by number, whatever the distributor appends', () => {
  expect(isAtLeast('9.6.0', 9, 6)).toBe(true);
  expect(isAtLeast('9.10.1-2', 9, 6)).toBe(true);
  expect(isAtLeast('10.0.0-commercial', 9, 6)).toBe(true);
  expect(isAtLeast('9.5.9', 9, 6)).toBe(false);
  expect(isAtLeast('8.4.3-aurora', 9, 6)).toBe(false);
});
