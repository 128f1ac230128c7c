import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { globMatcher } from '../redis/glob.ts';
import { compileKey } from './key.ts';
import type { KeyContext, KeyFunction } from './key.ts';
import { parseTemplate, templatePattern } from './template.ts';

const table = { schema: 'Shop', table: 'users' };

function keyOf(text: string, context: Partial<KeyContext> = {}): KeyFunction {
  const result = parseTemplate(text, { needsPrefix: false, constant: true });
  if (!result.ok) throw new Error(result.problem);
  return compileKey(result.template, { table, columns: ['a', 'b', 'c'], ...context });
}

describe('a key', () => {
  it('has a Redis hash tag where the template doubles its braces', () => {
    expect(keyOf('{{{a}}}:cart')([42])).toBe('{42}:cart');
    expect(keyOf('cart:{{{a|pad:4}}}:{b}')([42, 'x'])).toBe('cart:{0042}:x');
  });

  it('holds the names of the table and its schema', () => {
    expect(keyOf('{schema|lower}:{table}:{a}')([1])).toBe('shop:users:1');
    expect(keyOf('{schema}:{table}:gen')([])).toBe('Shop:users:gen');
  });

  it('holds values of a lookup, and is unknown without its row', () => {
    const key = keyOf('k:{lookup.x|upper}:{a}', { lookups: ['y', 'x'] });
    expect(key([1], ['no', 'yes'])).toBe('k:YES:1');
    expect(key([1], ['no', null])).toBeNull();
    expect(key([1])).toBeUndefined();
    expect(keyOf('k:{lookup.x}', { lookups: ['x'] })([], [7])).toBe('k:7');
  });

  it('is the literal text of a template without values', () => {
    expect(keyOf('gen:prices')([])).toBe('gen:prices');
  });

  it('is none for NULL, even beside an absent value, unless there is a default', () => {
    expect(keyOf('k:{a}')([null])).toBeNull();
    expect(keyOf('k:{a}:{b}')([undefined, null])).toBeNull();
    expect(keyOf('k:{a|default:none}')([null])).toBe('k:none');
    expect(keyOf('k:{a|default:none}:{b}')([null, undefined])).toBeUndefined();
  });

  it('cannot be made of columns that are not read', () => {
    expect(() => keyOf('k:{d}')).toThrow('column d is not read');
    expect(() => keyOf('k:{lookup.d}')).toThrow('column lookup.d is not read');
  });

  const bytes = fc.uint8Array({ minLength: 16, maxLength: 16 });
  // No characters of the literals below.
  const text = fc.string({ unit: fc.constantFrom('a', '0', 'f', '-', 'B', 'é', ' '), maxLength: 45 });
  const value = fc.oneof(
    ...['', '|lower', '|upper', '|trim', '|hex', '|base64', '|sha1', '|sha256', '|pad:4'].map((filter) =>
      fc.record({ filter: fc.constant(filter), one: text, other: text }),
    ),
    fc.record({ filter: fc.constant('|uuid'), one: bytes, other: bytes }),
  );
  const piece = fc.tuple(value, fc.constantFrom('', '', ':', ';x', 'a', '-'));

  it('is never shared by two rows whose values, as filtered, differ and hold no character of the literals', () => {
    let compared = 0;
    fc.assert(
      fc.property(fc.array(piece, { minLength: 1, maxLength: 4 }), (pieces) => {
        const template = `k:${pieces.map(([{ filter }, behind], no) => `{c${no}${filter}}${behind}`).join('')}`;
        const literals = pieces.map(([, behind]) => behind).join('');
        if (!parseTemplate(template).ok) return;
        const columns = pieces.map((_, no) => `c${no}`);
        const ones = pieces.map(([{ one }]) => one);
        const others = pieces.map(([{ other }]) => other);
        const texts = (row: typeof ones): string[] =>
          pieces.map(([{ filter }], no) => String(keyOf(`{c${no}${filter}}`, { columns })(row)));
        const clean = (row: typeof ones): boolean =>
          texts(row).every(
            (each, no) =>
              /sha|uuid/.test(pieces[no]?.[0].filter ?? '') ||
              !Array.from(literals).some((char) => each.includes(char)),
          );
        // Also rows that are the same but for where one value ends and the next begins.
        const key = keyOf(template, { columns });
        if (!clean(ones) || !clean(others)) return;
        compared += 1;
        expect(key(ones) === key(others)).toBe(texts(ones).join('\0') === texts(others).join('\0'));
      }),
      { numRuns: 3000 },
    );
    expect(compared).toBeGreaterThan(100);
  });

  it('is matched by the pattern of its template', () => {
    fc.assert(
      fc.property(
        fc.constantFrom('k[1]:{a}{b|sha1}*', '{schema}-{a|hex}:{b|upper}', '{{{a}}}:{table}:{b|default:x}'),
        fc.constantFrom({}, { schema: 'Shop' }, table),
        text,
        fc.option(text),
        (template, bound, a, b) => {
          const key = keyOf(template)([a, b]);
          const result = parseTemplate(template, { needsPrefix: false });
          if (typeof key !== 'string' || !result.ok) return;
          expect(globMatcher([templatePattern(result.template, bound)])(Buffer.from(key))).toBe(true);
        },
      ),
    );
  });
});
