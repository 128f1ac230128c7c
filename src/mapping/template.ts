/** One piece of a key template. Neighbouring literals are merged. */
export type TemplatePart =
  { readonly kind: 'literal'; readonly text: string } | { readonly kind: 'column'; readonly name: string };

/** A parsed key template: begins with a literal, holds a column, and no two columns touch. */
export interface KeyTemplate {
  /** As the rule spells it. */
  readonly text: string;
  readonly parts: readonly TemplatePart[];
}

/** `offset` is the place of the problem in the template, in UTF-16 code units from 0. */
export type TemplateResult =
  | { readonly ok: true; readonly template: KeyTemplate }
  | { readonly ok: false; readonly offset: number; readonly problem: string; readonly remedy: string };

/**
 * Parses `user:{id}`: `{column}` is a column's value, `{{` and `}}` are literal braces.
 *
 * Refused are templates whose keys or whose scope would be wrong: two columns without a literal between them
 * ((1,23) and (12,3) would share a key), no column at all, and no literal in front (a TRUNCATE removes every
 * key that the template can produce, which would be the whole database).
 */
export function parseTemplate(text: string): TemplateResult {
  if (text === '') return refuse(0, 'the key template is empty', 'write for example user:{id}');
  const parts: TemplatePart[] = [];
  let literal = '';
  let at = 0;
  while (at < text.length) {
    const char = text.charAt(at);
    const doubled = text.charAt(at + 1) === char;
    if ((char === '{' || char === '}') && doubled) {
      literal += char;
      at += 2;
    } else if (char === '}') {
      return refuse(at, 'a closing brace without an opening one', 'write }} for a literal brace');
    } else if (char === '{') {
      const end = text.indexOf('}', at);
      const name = text.slice(at + 1, end === -1 ? text.length : end);
      const problem = end === -1 ? unclosed(at) : nameProblem(name, at);
      if (problem !== undefined) return problem;
      if (literal === '') {
        return parts.length === 0
          ? refuse(
              at,
              'the key template begins with a column',
              'begin with a literal of your own, as in user:{id}',
            )
          : refuse(
              at,
              'two columns without a literal between them',
              `write a separator, as in ...:{${name}}`,
            );
      }
      parts.push({ kind: 'literal', text: literal }, { kind: 'column', name });
      literal = '';
      at = end + 1;
    } else {
      literal += char;
      at += 1;
    }
  }
  if (parts.length === 0) {
    return refuse(
      0,
      'the key template names no column',
      'name the columns that make the key, as in user:{id}',
    );
  }
  if (literal !== '') parts.push({ kind: 'literal', text: literal });
  return { ok: true, template: { text, parts } };
}

/** The names of the columns in a template, in order, with repetitions. */
export function templateColumns(template: KeyTemplate): string[] {
  return template.parts.flatMap((part) => (part.kind === 'column' ? [part.name] : []));
}

/**
 * The glob for Redis' MATCH that every key of the template matches: literals are escaped, each column is `*`.
 * A column's value may hold the separator, so the glob can match keys of other templates too; never fewer.
 */
export function templatePattern(template: KeyTemplate): string {
  return template.parts
    .map((part) => (part.kind === 'column' ? '*' : part.text.replace(/[*?[\]\\^-]/g, '\\$&')))
    .join('');
}

function unclosed(offset: number): TemplateResult {
  return refuse(
    offset,
    'an opening brace without a closing one',
    'write {column}, or {{ for a literal brace',
  );
}

function nameProblem(name: string, brace: number): TemplateResult | undefined {
  const offset = brace + 1;
  if (name === '') return refuse(offset, 'a column reference without a name', 'write {column}');
  const nested = name.indexOf('{');
  if (nested !== -1) {
    return refuse(
      offset + nested,
      'an opening brace inside a column reference',
      'close the first one: {column}',
    );
  }
  const filter = name.indexOf('|');
  if (filter !== -1) {
    return refuse(
      offset + filter,
      'filters are not available yet',
      `write {${name.slice(0, filter).trim()}}`,
    );
  }
  if (name.trim() === '') return refuse(offset, 'a column reference without a name', 'write {column}');
  if (name !== name.trim()) {
    return refuse(offset, 'spaces around the column name', `write {${name.trim()}}`);
  }
  return undefined;
}

function refuse(offset: number, problem: string, remedy: string): TemplateResult {
  return { ok: false, offset, problem, remedy };
}
