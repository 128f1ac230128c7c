import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { TemplateRef } from './template-reference.ts';
import {
  parseTemplate,
  templateColumns,
  templateLookups,
  templatePattern,
  templatePrefix,
} from './template.ts';
import type { KeyTemplate, TemplateOptions } from './template.ts';

function refusal(text: string): { offset: number; problem: string; remedy: string } {
  const result = parseTemplate(text);
  if (result.ok) throw new Error(`accepted: ${text}`);
  return result;
}

const column = (name: string): TemplateRef => ({ kind: 'column', name });

function parts(text: string, options?: TemplateOptions): unknown {
  const result = parseTemplate(text, options);
  if (!result.ok) throw new Error(result.problem);
  return result.template.parts;
}

describe('a key template', () => {
  it('is literals and column references', () => {
    expect(parts('order:{order_id}:line:{line_no}!')).toEqual([
      { kind: 'literal', text: 'order:' },
      { kind: 'value', filters: [], ref: column('order_id') },
      { kind: 'literal', text: ':line:' },
      { kind: 'value', filters: [], ref: column('line_no') },
      { kind: 'literal', text: '!' },
    ]);
  });

  it('spells literal braces doubled, so that a Redis hash tag can be written', () => {
    expect(parts('cart:{{{user_id}}}')).toEqual([
      { kind: 'literal', text: 'cart:{' },
      { kind: 'value', filters: [], ref: column('user_id') },
      { kind: 'literal', text: '}' },
    ]);
  });

  it('takes column names with spaces inside, dollars and letters of any script', () => {
    const result = parseTemplate('k:{größe in cm}:{$x}');
    expect(result.ok && templateColumns(result.template)).toEqual(['größe in cm', '$x']);
  });

  it('allows spaces around names, filters and arguments', () => {
    expect(parts('u:{ email | trim | pad: 8 |default: a b : c }')).toEqual([
      { kind: 'literal', text: 'u:' },
      {
        kind: 'value',
        ref: column('email'),
        filters: [{ kind: 'trim' }, { kind: 'pad', width: 8 }, { kind: 'default', text: 'a b : c' }],
      },
    ]);
  });

  it('names the table, its schema, and columns of the lookup', () => {
    const refs = (text: string): unknown => {
      const result = parseTemplate(text);
      return result.ok && result.template.parts.flatMap((part) => (part.kind === 'value' ? [part.ref] : []));
    };
    expect(refs('k:{schema}:{table}:{lookup.id}:{lookup}')).toEqual([
      { kind: 'schema' },
      { kind: 'table' },
      { kind: 'lookup', name: 'id' },
      column('lookup'),
    ]);
    expect(refs('k:{`schema`}:{`table`}:{lookup.`a``}b`}:{`lookup.x`}')).toEqual([
      column('schema'),
      column('table'),
      { kind: 'lookup', name: 'a`}b' },
      column('lookup.x'),
    ]);
  });

  it('lets values touch of which all but one have a fixed width', () => {
    for (const text of [
      'k:{a}{b|sha1}',
      'k:{b|uuid}{a}:{c}',
      'k:{a|sha256}{b|sha1}a{c}',
      'k:{a|default:x|sha1}{b}',
    ])
      expect(parseTemplate(text).ok, text).toBe(true);
  });

  it('may be constant, or without literal text in front, where the caller allows it', () => {
    expect(parts('gen:prices', { constant: true })).toEqual([{ kind: 'literal', text: 'gen:prices' }]);
    expect(parts('{{{id}}}', { needsPrefix: false })).toHaveLength(3);
    expect(parseTemplate('{id}', { needsPrefix: false }).ok).toBe(true);
    expect(parseTemplate('', { constant: true }).ok).toBe(false);
  });

  it('is plain data', () => {
    const result = parseTemplate('k:{schema|upper}:{a|date:%Y-%m-%d|default:x}:{`b``c`|pad:3}');
    expect(structuredClone(result)).toEqual(result);
    expect(JSON.parse(JSON.stringify(result))).toEqual(result);
  });

  it('takes any name in backquotes', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), (name) => {
        const result = parseTemplate(`k:{ \`${name.replaceAll('`', '``')}\` |lower}`);
        expect(result.ok && templateColumns(result.template)).toEqual([name]);
      }),
    );
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
    ['{{{id}}}', 0, 'only { stands in front', 'cart:{{{id}}}'],
    ['u{id}', 0, 'only u stands in front', 'user:{id}'],
    ['u:{a}{a|lower}', 5, 'two columns without a literal', ':{a|lower}'],
    ['u:{a|hex}{b|hex}', 9, 'two columns without a literal', 'separator'],
    ['u:{a|sha1|default:x}{b}', 20, 'two columns without a literal', 'separator'],
    ['u:{a}{b|sha1}a{c}', 13, 'part of the hash', 'colon'],
    ['u:{a.b}', 3, 'a dot', '{`a.b`}'],
    ['u:{lookup.a.b}', 10, 'a dot', '{lookup.`a.b`}'],
    ['u:{lookup.}', 3, 'without a name', '{column}'],
    ['u:{`a}', 3, 'backquote', '{`odd name`}'],
    ['u:{`a`b}', 6, 'other text', '{`odd name`}'],
    ['u:{a|}', 5, 'filter without a name', '{email|lower}'],
    ['u:{email| lowr}', 10, 'no filter lowr', 'did you mean lower?'],
    ['u:{email|LOWER}', 9, 'no filter LOWER', 'did you mean lower?'],
    ['u:{email|encrypt}', 9, 'no filter encrypt', 'lower, upper'],
    ['u:{email|lower:x}', 14, 'no argument', 'write lower'],
    ['u:{a|pad}', 8, 'needs an argument', 'pad:8'],
    ['u:{a|pad:0}', 9, 'no width', 'from 1 to 64'],
    ['u:{a|pad:65}', 9, 'no width', 'from 1 to 64'],
    ['u:{a|pad: 1.5}', 10, 'no width', 'from 1 to 64'],
    ['u:{a|date:}', 10, 'needs an argument', '%Y-%m-%d'],
    ['u:{a|date:%Y-%M}', 13, '%M is no part', '%Y %m %d %H %i %s %f and %%'],
    ['u:{a|date:%Y%}', 12, '% is no part', '%Y-%m-%d'],
    ['u:{a|date:100%%}', 10, 'names no part', '%Y-%m-%d'],
    ['u:{a|default}', 12, 'needs an argument', 'default:none'],
    ['u:{a|lower|uuid}', 11, 'uuid takes bytes', 'uuid first'],
    ['u:{a|default:x|date:%Y}', 15, 'date takes the value', 'date first'],
    ['u:{table|uuid}', 9, 'uuid of the table', 'uuid first'],
    ['u:{a|lower{b}', 10, 'opening brace inside', '{column}'],
    ['u:{a|lower', 2, 'opening brace without', '{{'],
  ])('refuses %j and points at the place', (text, offset, problem, remedy) => {
    const refused = refusal(text);
    expect(refused.offset).toBe(offset);
    expect(refused.problem).toContain(problem);
    expect(refused.remedy).toContain(remedy);
  });

  it('never fails on any text, and reports an offset inside it', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom('{', '}', '|', ' ', 'a', ':', 'é', '`', '.', 'lower', 'lookup.') }),
        (text) => {
          const result = parseTemplate(text);
          if (!result.ok) {
            expect(result.offset).toBeGreaterThanOrEqual(0);
            expect(result.offset).toBeLessThanOrEqual(text.length);
            return;
          }
          expect(Array.from(templatePrefix(result.template)).length).toBeGreaterThanOrEqual(2);
        },
      ),
    );
  });

  it('keeps any literal text through escaping of braces', () => {
    fc.assert(
      fc.property(fc.string({ minLength: 1, unit: 'grapheme' }), fc.string(), (before, after) => {
        const escape = (text: string): string => text.replace(/[{}]/g, '$&$&');
        expect(parts(`${escape(before)}{id}${escape(after)}`, { needsPrefix: false })).toEqual([
          { kind: 'literal', text: before },
          { kind: 'value', filters: [], ref: column('id') },
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

  const template = (text: string): KeyTemplate => {
    const result = parseTemplate(text, { needsPrefix: false });
    if (!result.ok) throw new Error(result.problem);
    return result.template;
  };

  it('has one star for values that touch', () => {
    expect(templatePattern(template('k:{a}{b|sha1}:'))).toBe('k:*:');
  });

  it('has the names that are known, as the filters give them', () => {
    const named = template('k:{schema}:{table|upper}:{id}');
    expect(templatePattern(named)).toBe('k:*:*:*');
    expect(templatePattern(named, { schema: 'a-b' })).toBe(String.raw`k:a\-b:*:*`);
    expect(templatePattern(named, { schema: 'shop', table: 'users' })).toBe('k:shop:USERS:*');
  });

  it('begins with the literal text in front of the first value', () => {
    expect(templatePrefix(template('{{{id}}}:cart'))).toBe('{');
    expect(templatePrefix(template('{schema}:{id}'))).toBe('');
    expect(templatePrefix(template('{schema}:{id}'), { schema: 'shop' })).toBe('shop:');
  });

  it('belongs to the columns of the lookup that the template names', () => {
    expect(templateLookups(template('k:{id}:{lookup.a}:{lookup.b}'))).toEqual(['a', 'b']);
    expect(templateColumns(template('k:{id}:{lookup.a}'))).toEqual(['id']);
  });
});
