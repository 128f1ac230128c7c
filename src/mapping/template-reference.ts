import type { Filter } from '../change/filter.ts';
import { orderProblem, parseFilter } from './parse-filter.ts';

/** What a template takes a value from: the changed row, the names of its table, or the result of the rule's lookup. */
export type TemplateRef =
  | { readonly kind: 'column'; readonly name: string }
  | { readonly kind: 'schema' }
  | { readonly kind: 'table' }
  | { readonly kind: 'lookup'; readonly name: string };

/** A value, and what makes text of it. */
export interface ValuePart {
  readonly kind: 'value';
  readonly ref: TemplateRef;
  readonly filters: readonly Filter[];
}

/** `offset` is the place of the problem in the template, in UTF-16 code units from 0. */
export interface TemplateRefusal {
  readonly ok: false;
  readonly offset: number;
  readonly problem: string;
  readonly remedy: string;
}

/** `end` is the offset behind the closing brace. */
export type ReferenceResult =
  { readonly ok: true; readonly part: ValuePart; readonly end: number } | TemplateRefusal;

type Named = { readonly ok: true; readonly ref: TemplateRef; readonly end: number } | TemplateRefusal;

/** Parses `{name|filter|filter:argument}` in a template, from the opening brace at `brace`. */
export function parseReference(text: string, brace: number): ReferenceResult {
  const named = parseName(text, brace);
  if (!named.ok) return named;
  const filters: Filter[] = [];
  let at = named.end;
  while (text.charAt(at) === '|') {
    const start = at + 1;
    at = endOf(text, start, /[|{}]/g);
    const parsed = parseFilter(text.slice(start, at));
    if (text.charAt(at) === '{') return nested(at);
    if (at === text.length) return unclosed(brace);
    if (!parsed.ok) return refuse(start + parsed.offset, parsed.problem, parsed.remedy);
    const problem = orderProblem(parsed.filter, filters.at(-1)) ?? namesProblem(named.ref, parsed.filter);
    if (problem !== undefined) {
      return refuse(start, problem, `put ${parsed.filter.kind} first, behind a column, or remove it`);
    }
    filters.push(parsed.filter);
  }
  return { ok: true, part: { kind: 'value', ref: named.ref, filters }, end: at + 1 };
}

/** The names of the schema and the table are text. */
function namesProblem(ref: TemplateRef, { kind }: Filter): string | undefined {
  const isName = ref.kind === 'schema' || ref.kind === 'table';
  return isName && (kind === 'uuid' || kind === 'date') ? `${kind} of the ${ref.kind}'s name` : undefined;
}

/** The name, up to the `|` or `}` behind it, where `end` is. */
function parseName(text: string, brace: number): Named {
  const start = skipSpaces(text, brace + 1);
  const lookup = text.startsWith('lookup.', start);
  const nameAt = lookup ? start + 'lookup.'.length : start;
  const isQuoted = text.charAt(nameAt) === '`';
  const nameEnd = isQuoted ? quotedEnd(text, nameAt) : endOf(text, nameAt, /[|{}`]/g);
  const name = isQuoted
    ? text.slice(nameAt + 1, nameEnd - 1).replaceAll('``', '`')
    : text.slice(nameAt, nameEnd).trim();
  const end = isQuoted ? skipSpaces(text, nameEnd) : nameEnd;
  const behind = text.charAt(end);
  if (nameEnd === -1) {
    return refuse(nameAt, 'an opening backquote without a closing one', 'write {`odd name`}');
  }
  if (behind === '') return unclosed(brace);
  if (behind === '{') return nested(end);
  if (name === '') return refuse(brace + 1, 'a column reference without a name', 'write {column}');
  if (behind !== '|' && behind !== '}') {
    return refuse(end, 'a backquoted name with other text beside it', 'write {`odd name`}');
  }
  if (!isQuoted && name.includes('.')) {
    const hint = lookup ? `write {lookup.\`${name}\`}` : `write {\`${name}\`}, or {lookup.column}`;
    return refuse(nameAt, `a dot in the name of a column`, hint);
  }
  return { ok: true, ref: refOf(name, lookup, isQuoted), end };
}

function refOf(name: string, lookup: boolean, isQuoted: boolean): TemplateRef {
  if (lookup) return { kind: 'lookup', name };
  return !isQuoted && (name === 'schema' || name === 'table') ? { kind: name } : { kind: 'column', name };
}

/** Offset behind the closing backquote of the name that begins at `start`; -1 without one. */
function quotedEnd(text: string, start: number): number {
  const [quoted] = /^`(?:[^`]|``)*`/.exec(text.slice(start)) ?? [];
  return quoted === undefined ? -1 : start + quoted.length;
}

/** Offset of the first match from `start`, or the text's length. */
function endOf(text: string, start: number, what: RegExp): number {
  what.lastIndex = start;
  return what.exec(text)?.index ?? text.length;
}

function skipSpaces(text: string, start: number): number {
  return endOf(text, start, /\S/g);
}

function unclosed(offset: number): TemplateRefusal {
  return refuse(
    offset,
    'an opening brace without a closing one',
    'write {column}, or {{ for a literal brace',
  );
}

function nested(offset: number): TemplateRefusal {
  return refuse(offset, 'an opening brace inside a column reference', 'close the first one: {column}');
}

function refuse(offset: number, problem: string, remedy: string): TemplateRefusal {
  return { ok: false, offset, problem, remedy };
}
