import type { Filter } from '../change/filter.ts';
import { compileFilters, fixedWidth } from './filters.ts';
import { parseReference } from './template-reference.ts';
import type { TemplateRefusal, ValuePart } from './template-reference.ts';

/** One piece of a key template. Neighbouring literals are merged. */
export type TemplatePart = { readonly kind: 'literal'; readonly text: string } | ValuePart;

/** A parsed key template, as plain data. */
export interface KeyTemplate {
  /** As the rule spells it. */
  readonly text: string;
  readonly parts: readonly TemplatePart[];
}

export type TemplateResult = { readonly ok: true; readonly template: KeyTemplate } | TemplateRefusal;

export interface TemplateOptions {
  /**
   * Whether the template has to begin with literal text of `MIN_PREFIX` characters, because its pattern removes
   * keys; true by default.
   */
  readonly needsPrefix?: boolean;
  /** Whether the template may be without values; false by default. */
  readonly constant?: boolean;
}

/** What is known of a table whose keys a pattern is for, as the binlog spells it. */
export interface BoundNames {
  readonly schema?: string;
  readonly table?: string;
}

/** Shortest literal beginning of a pattern that removes keys, in characters. */
export const MIN_PREFIX = 2;

/** A part and its place in the template's text. */
interface Placed {
  readonly part: TemplatePart;
  readonly start: number;
  readonly end: number;
}

/**
 * Parses `user:{id}`: `{column}` is a column's value, `{column|filter}` what a filter makes of it, `{{` and `}}` are
 * literal braces. `{schema}` and `{table}` are the names of the changed row's table, `{lookup.column}` is from the
 * result of the rule's lookup.
 *
 * Refused are templates whose keys or whose scope would be wrong: values without a literal between them ((1,23) and
 * (12,3) would share a key), no value at all, and too little literal text in front (a TRUNCATE removes every
 * key that the template can produce, which would be most of the database).
 */
export function parseTemplate(text: string, options: TemplateOptions = {}): TemplateResult {
  if (text === '') return refuse(0, 'the key template is empty', 'write for example user:{id}');
  const placed = split(text);
  if (!Array.isArray(placed)) return placed;
  const parts = placed.map(({ part }) => part);
  const hasValues = parts.some(({ kind }) => kind === 'value');
  if (!hasValues && options.constant !== true) {
    return refuse(
      0,
      'the key template names no column',
      'name the columns that make the key, as in user:{id}',
    );
  }
  const template = { text, parts };
  const problem =
    (hasValues && options.needsPrefix !== false ? prefixProblem(template) : undefined) ??
    ambiguity(text, placed);
  return problem ?? { ok: true, template };
}

/** The names of the columns of the changed row in a template, in order, with repetitions. */
export function templateColumns(template: KeyTemplate): string[] {
  return namesOf(template, 'column');
}

/** The columns of the changed row in a template, in order, with what is made of their values. */
export function templateValues(
  template: KeyTemplate,
): { readonly column: string; readonly filters: readonly Filter[] }[] {
  return template.parts.flatMap((part) =>
    part.kind === 'value' && part.ref.kind === 'column'
      ? [{ column: part.ref.name, filters: part.filters }]
      : [],
  );
}

/** The names of the columns of the lookup's result in a template, in order, with repetitions. */
export function templateLookups(template: KeyTemplate): string[] {
  return namesOf(template, 'lookup');
}

/**
 * The glob for Redis' MATCH that every key of the template matches: literals are escaped, each value is `*` unless
 * it is a name that is known. A column's value may hold the separator, so the glob can match keys of other templates
 * too; never fewer.
 */
export function templatePattern(template: KeyTemplate, bound: BoundNames = {}): string {
  let pattern = '';
  let isStar = false;
  for (const part of template.parts) {
    const text = literalOf(part, bound);
    if (text !== undefined) pattern += text.replace(/[*?[\]\\^-]/g, '\\$&');
    else if (!isStar) pattern += '*';
    isStar = text === undefined;
  }
  return pattern;
}

/** The literal text that every key of the template begins with. */
export function templatePrefix(template: KeyTemplate, bound: BoundNames = {}): string {
  let prefix = '';
  for (const part of template.parts) {
    const text = literalOf(part, bound);
    if (text === undefined) break;
    prefix += text;
  }
  return prefix;
}

function namesOf(template: KeyTemplate, kind: 'column' | 'lookup'): string[] {
  return template.parts.flatMap((part) =>
    part.kind === 'value' && part.ref.kind === kind ? [part.ref.name] : [],
  );
}

/** The text of a part if it is the same in every key. */
function literalOf(part: TemplatePart, bound: BoundNames): string | undefined {
  if (part.kind === 'literal') return part.text;
  const { ref, filters } = part;
  if (ref.kind !== 'schema' && ref.kind !== 'table') return undefined;
  return compileFilters(filters)(bound[ref.kind]) ?? undefined;
}

function split(text: string): Placed[] | TemplateRefusal {
  const placed: Placed[] = [];
  let literal = '';
  let literalAt = 0;
  let at = 0;
  const endLiteral = (): void => {
    if (literal !== '') placed.push({ part: { kind: 'literal', text: literal }, start: literalAt, end: at });
    literal = '';
  };
  while (at < text.length) {
    const char = text.charAt(at);
    const isBrace = char === '{' || char === '}';
    if (!isBrace || text.charAt(at + 1) === char) {
      if (literal === '') literalAt = at;
      literal += char;
      at += isBrace ? 2 : 1;
    } else if (char === '}') {
      return refuse(at, 'a closing brace without an opening one', 'write }} for a literal brace');
    } else {
      const reference = parseReference(text, at);
      if (!reference.ok) return reference;
      endLiteral();
      placed.push({ part: reference.part, start: at, end: reference.end });
      at = reference.end;
    }
  }
  endLiteral();
  return placed;
}

function prefixProblem(template: KeyTemplate): TemplateRefusal | undefined {
  const prefix = templatePrefix(template);
  if (prefix === '') {
    return refuse(
      0,
      'the key template begins with a column',
      'begin with a literal of your own, as in user:{id}',
    );
  }
  if (Array.from(prefix).length >= MIN_PREFIX) return undefined;
  return refuse(
    0,
    `only ${prefix} stands in front of the first column, and many keys begin with that`,
    `begin with ${MIN_PREFIX} characters of your own or more, as in ${prefix === '{' ? 'cart:{{{id}}}' : 'user:{id}'}`,
  );
}

/**
 * Where two rows could share a key though no value holds a character of the literals: values that touch each
 * other, more than one of them of varying length.
 *
 * A run of values with one of varying length ends where the first character of the next literal is, which its parts of
 * fixed length must not hold either; then their lengths tell where in the run each value ends.
 */
function ambiguity(text: string, placed: readonly Placed[]): TemplateRefusal | undefined {
  let run = 0;
  let varying = 0;
  for (const { part, start, end } of placed) {
    if (part.kind === 'literal') {
      if (run > 1 && varying > 0 && /^[0-9a-f-]/.test(part.text)) {
        const problem = 'this text can also be a part of the hash or the UUID in front of it';
        return refuse(start, problem, 'write another separator, such as a colon');
      }
      run = 0;
      varying = 0;
      continue;
    }
    const last = part.filters.at(-1);
    run += 1;
    if (last === undefined || fixedWidth(last) === undefined) varying += 1;
    if (run > 1 && varying > 1) {
      const remedy = `write a separator, as in ...:${text.slice(start, end)}`;
      return refuse(start, 'two columns without a literal between them', remedy);
    }
  }
  return undefined;
}

function refuse(offset: number, problem: string, remedy: string): TemplateRefusal {
  return { ok: false, offset, problem, remedy };
}
