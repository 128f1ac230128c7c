import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseTemplate, templateColumns, templatePattern } from './template.ts';

function refusal(text: string): { offset: number; problem: string; remedy: string } {
  const result = parseTemplate(text);
  if (result.ok) throw new Error(`accepted: ${text}`);
  return result;
}

function parts(text: string): unknown {
  const result = parseTemplate(text);
  if (!result.ok) throw new Error(result.problem);
  return result.template.parts;
}

describe('a key template', () => {
  it('is literals and column references', () => {
    expect(parts('order:{order_id}:line:{line_no}!')).toEqual([
      { kind: 'literal', text: 'order:' },
      { kind: 'column', name: 'order_id' },
      { kind: 'literal', text: ':line:' },
      { kind: 'column', name: 'line_no' },
      { kind: 'literal', text: '!' },
    ]);
  });

  it('spells literal braces doubled, so that a Redis hash tag can be written', () => {
    expect(parts('cart:{{{user_id}}}')).toEqual([
      { kind: 'literal', text: 'cart:{' },
      { kind: 'column', name: 'user_id' },
      { kind: 'literal', text: '}' },
    ]);
  });

  it('takes column names with spaces inside, dollars and letters of any script', () => {
    const result = parseTemplate('k:{größe in cm}:{$x}');
    expect(result.ok && templateColumns(result.template)).toEqual(['größe in cm', '$x']);
  });

  it.each([
    ['', 0, 'empty', 'user:{id}'],
    ['user', 0, 'names no column', 'user:{id}'],
    ['{{user}}', 0, 'names no column', 'user:{id}'],
    ['{id}', 0, 'begins with a column', 'literal'],
    ['u:{a}{b}', 5, 'two columns without a literal', ':{b}'],
    ['u:{id', 2, 'opening brace without a closing one', '{{'],
    ['u:{id:{b}', 6, 'opening brace inside', '{column}'],
    ['u:id}', 4, 'closing brace without an opening one', '}}'],
    ['u:{}', 3, 'without a name', '{column}'],
    ['u:{  }', 3, 'without a name', '{column}'],
    ['u:{ id}', 3, 'spaces around', '{id}'],
    ['u:{id }', 3, 'spaces around', '{id}'],
    ['u:{email|lower}', 8, 'filters are not available yet', '{email}'],
  ])('refuses %j and points at the place', (text, offset, problem, remedy) => {
    const refused = refusal(text);
    expect(refused.offset).toBe(offset);
    expect(refused.problem).toContain(problem);
    expect(refused.remedy).toContain(remedy);
  });

  it('never fails on any text, and reports an offset inside it', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom('{', '}', '|', ' ', 'a', ':', 'é') }), (text) => {
        const result = parseTemplate(text);
        if (!result.ok) {
          expect(result.offset).toBeGreaterThanOrEqual(0);
          expect(result.offset).toBeLessThanOrEqual(text.length);
          return;
        }
        expect(result.template.parts[0]?.kind).toBe('literal');
      }),
    );
  });

  it('keeps any literal text through escaping of braces', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), fc.string(), (before, after) => {
        const escape = (text: string): string => text.replace(/[{}]/g, '$&$&');
        expect(parts(`${escape(before)}{id}${escape(after)}`)).toEqual([
          { kind: 'literal', text: before },
          { kind: 'column', name: 'id' },
          ...(after === '' ? [] : [{ kind: 'literal', text: after }]),
        ]);
      }),
    );
  });
});

describe('the pattern of a template', () => {
  it('has a star for each column and escapes what a glob gives a meaning', () => {
    const result = parseTemplate(String.raw`a*b?[x-y^]\:{id}:{n}`);
    expect(result.ok && templatePattern(result.template)).toBe(String.raw`a\*b\?\[x\-y\^\]\\:*:*`);
  });
});
