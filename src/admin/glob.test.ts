import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { matchesGlob, mayOverlap, parseGlob } from './glob.ts';

const matches = (glob: string, text: string): boolean => matchesGlob(parseGlob(glob), text);

describe('a glob', () => {
  it.each([
    ['user:*', 'user:7', true],
    ['user:*', 'user:', true],
    ['user:*', 'users:7', false],
    ['*', '', true],
    ['', '', true],
    ['', 'a', false],
    ['a?c', 'abc', true],
    ['a?c', 'ac', false],
    ['*:7', 'user:77', false],
    ['*:7', 'user:7:7', true],
    ['a*b*c', 'a-b-b-c', true],
    [String.raw`a\*`, 'a*', true],
    [String.raw`a\*`, 'ab', false],
    ['a.c', 'abc', false],
    [String.raw`a\\`.slice(0, 2), 'a\\', true],
  ])('%j and %j: %s', (glob, text, expected) => {
    expect(matches(glob, text)).toBe(expected);
  });

  const globs = fc.stringMatching(/^[ab*?]{0,8}$/);
  const texts = fc.stringMatching(/^[ab]{0,8}$/);

  it('matches what its regular expression does', () => {
    fc.assert(
      fc.property(globs, texts, (glob, text) => {
        const expression = new RegExp(`^${glob.replaceAll('*', '.*').replaceAll('?', '.')}$`);
        expect(matches(glob, text)).toBe(expression.test(text));
      }),
    );
  });

  it('may overlap with each that matches a text that it matches', () => {
    fc.assert(
      fc.property(globs, globs, texts, (one, other, text) => {
        fc.pre(matches(one, text) && matches(other, text));
        expect(mayOverlap(parseGlob(one), parseGlob(other))).toBe(true);
      }),
    );
    expect(mayOverlap(parseGlob('user:*'), parseGlob('order:*'))).toBe(false);
    expect(mayOverlap(parseGlob('user:7'), parseGlob('user:*'))).toBe(true);
    expect(mayOverlap(parseGlob('user:7'), parseGlob('user:77'))).toBe(false);
  });

  it('takes no longer for many stars', () => {
    expect(matches(`${'*a'.repeat(120)}b`, 'a'.repeat(5000))).toBe(false);
  });
});
