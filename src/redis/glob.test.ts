import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { commonGlob, globMatcher } from './glob.ts';

/** As the templates of rules escape their literals. */
const escape = (text: string): string => text.replace(/[*?[\]\\^-]/g, String.raw`\$&`);

describe('the globs of scopes', () => {
  it('match what lies between their literals, and nothing that differs in a literal', () => {
    const texts = fc.array(fc.string({ unit: 'binary' }), { minLength: 2, maxLength: 4 });
    const values = fc.infiniteStream(fc.string({ unit: 'binary' }));
    fc.assert(
      fc.property(texts, values, ([first = '', ...rest], stream) => {
        const pattern = [first, ...rest].map(escape).join('*');
        const key = first + rest.map((text) => (stream.next().value ?? '') + text).join('');
        const matches = globMatcher([String.raw`never\*:*`, pattern]);
        expect(matches(Buffer.from(key))).toBe(true);
        const other = first.startsWith('a') ? 'b' : 'a';
        if (first !== '') expect(globMatcher([pattern])(Buffer.from(other + key))).toBe(false);
      }),
    );
  });

  it('are asked for together by their common beginning', () => {
    expect(commonGlob(['user:*'])).toBe('user:*');
    expect(commonGlob(['user:*', 'user:*'])).toBe('user:*');
    expect(commonGlob(['shop:user:*', 'shop:item:*:*'])).toBe('shop:*');
    expect(commonGlob([String.raw`a\*b:*`, String.raw`a\*c:*`])).toBe(String.raw`a\*`.concat('*'));
    expect(commonGlob(['user:*', 'item:*'])).toBe('*');
    expect(commonGlob(['😀:*', '😁:*'])).toBe('*');
  });
});
