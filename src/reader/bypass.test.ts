import { expect, it } from 'vitest';
import { createBypass } from './bypass.ts';

it('a bypass lasts until everybody who switched it on has undone it', () => {
  const bypass = createBypass();
  expect(bypass.has('user:1')).toBe(false);
  const first = bypass.add('user:');
  const second = bypass.add('user:');
  bypass.add('order:');
  expect(bypass.list()).toEqual(['user:', 'order:']);
  expect([bypass.has('user:1'), bypass.has('use'), bypass.has('order:1')]).toEqual([true, false, true]);
  first();
  first();
  expect(bypass.has('user:1')).toBe(true);
  second();
  expect(bypass.has('user:1')).toBe(false);
  const all = bypass.add('');
  expect(bypass.has('anything')).toBe(true);
  all();
  expect(bypass.list()).toEqual(['order:']);
});
