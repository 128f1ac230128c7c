import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globSource } from './table-selector.ts';

const matches = (glob: string, name: string): boolean =>
  new RegExp(`^(?:${globSource(glob)})$`, 's').test(name);

/** The same, tried in every way. */
function matchesSlowly(tokens: readonly string[], name: string): boolean {
  const [token, ...rest] = tokens;
  if (token === undefined) return name === '';
  if (token === '*') {
    return Array.from({ length: name.length + 1 }, (_, at) => name.slice(at)).some((tail) =>
      matchesSlowly(rest, tail),
    );
  }
  const [char] = name;
  if (char === undefined) return false;
  const isChoice = token.length > 1;
  const isNegated = token.startsWith('[!');
  const fits = token === '?' || (isChoice ? token.includes(char, 1) !== isNegated : token === char);
  return fits && matchesSlowly(rest, name.slice(1));
}

describe('a glob', () => {
  it('matches what its characters, stars and choices say', () => {
    const token = fc.constantFrom('a', 'b', '1', '.', '$', '*', '*', '?', '[ab]', '[!a]', '[1.]', '[*a]');
    const name = fc.string({ unit: fc.constantFrom('a', 'b', '1', '.', '$'), maxLength: 8 });
    fc.assert(
      fc.property(fc.array(token, { maxLength: 8 }), name, (tokens, text) => {
        expect(matches(tokens.join(''), text)).toBe(matchesSlowly(tokens, text));
      }),
      { numRuns: 2000 },
    );
  });

  it.each([
    ['tenant_*', 'tenant_1', true],
    ['tenant_*', 'tenant_', true],
    ['tenant_*', 'tenant', false],
    ['*_*_1', 'a_b_c_1', true],
    ['*a*1*', 'xa11', true],
    ['[a-c]?', 'b\n', true],
    ['a\\d', 'a1', false],
    ['(a|b)', 'a', false],
  ])('%j on %j', (glob, name, expected) => {
    expect(matches(glob, name)).toBe(expected);
  });

  it('with many stars does not try every way on a name that nearly fits', () => {
    expect(matches(`${'*a'.repeat(30)}b`, 'a'.repeat(64))).toBe(false);
    expect(matches(`${'*a?'.repeat(20)}*b`, 'a'.repeat(64))).toBe(false);
    expect(matches(`${'*a'.repeat(30)}*`, 'a'.repeat(64))).toBe(true);
  });
});
