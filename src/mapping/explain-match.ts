import type { Filter } from '../change/filter.ts';
import { ANY_TEXT, splitKey } from './explain-split.ts';
import type { TextShape } from './explain-split.ts';
import { reverseFilters, satisfies, shapeOf, textOf } from './explain-reverse.ts';
import type { ValueCondition } from './explain-reverse.ts';
import { compileFilters } from './filters.ts';
import type { TemplateRef } from './template-reference.ts';
import type { BoundNames, KeyTemplate } from './template.ts';

/** What one value of a template has to be. */
export interface RefCondition {
  readonly ref: TemplateRef;
  readonly condition: ValueCondition;
}

/** One way in which a template gives a key: all conditions together. Without any the template gives only this key. */
export type KeyCandidate = readonly RefCondition[];

export interface TemplateMatch {
  /** In the order of the template, the earliest values as short as possible first; none if no row gives the key. */
  readonly candidates: readonly KeyCandidate[];
  /** There may be more of them. */
  readonly more: boolean;
}

export interface MatchOptions {
  /** The names that are known of the table; names that are not are candidates' conditions. */
  readonly names?: BoundNames;
  /** What is known of a column's own text. */
  readonly shapeOfColumn?: (column: string) => TextShape | undefined;
}

/** Candidates that are listed. */
export const MAX_CANDIDATES = 100;
/** Ways to split a key that are looked at. */
const MAX_SPLITS = 10_000;

/**
 * Which values make a template give a key. Exact, but for what only a server knows: the type of columns, unless
 * `shapeOfColumn` tells. Where a value can hold a separator there is more than one way.
 */
export function matchTemplate(
  template: KeyTemplate,
  key: string,
  { names = {}, shapeOfColumn }: MatchOptions = {},
): TemplateMatch {
  const literals = [''];
  const shapes: TextShape[] = [];
  const values: { readonly ref: TemplateRef; readonly filters: readonly Filter[] }[] = [];
  for (const part of template.parts) {
    const text = part.kind === 'literal' ? part.text : nameIn(part.ref, part.filters, names);
    if (text !== undefined) {
      literals[literals.length - 1] += text;
    } else if (part.kind === 'value') {
      const { ref, filters } = part;
      const own = filters.length === 0 && ref.kind === 'column' ? shapeOfColumn?.(ref.name) : undefined;
      shapes.push(own ?? (filters.length === 0 ? ANY_TEXT : shapeOf(filters)));
      values.push({ ref, filters });
      literals.push('');
    }
  }
  const candidates: KeyCandidate[] = [];
  let splits = 0;
  for (const texts of splitKey(key, { literals, shapes })) {
    splits += 1;
    if (splits > MAX_SPLITS || candidates.length === MAX_CANDIDATES) return { candidates, more: true };
    const candidate = candidateOf(values, texts);
    if (candidate !== undefined) candidates.push(candidate);
  }
  return { candidates, more: false };
}

function nameIn(ref: TemplateRef, filters: readonly Filter[], names: BoundNames): string | undefined {
  if (ref.kind !== 'schema' && ref.kind !== 'table') return undefined;
  return compileFilters(filters)(names[ref.kind]) ?? undefined;
}

/** Undefined if a value cannot be, or would have to be two at the same time. */
function candidateOf(
  values: readonly { readonly ref: TemplateRef; readonly filters: readonly Filter[] }[],
  texts: readonly string[],
): KeyCandidate | undefined {
  const conditions: RefCondition[] = [];
  for (const [index, { ref, filters }] of values.entries()) {
    const condition = reverseFilters(texts[index] ?? '', filters);
    if (condition === undefined) return undefined;
    conditions.push({ ref, condition });
  }
  return consistent(conditions);
}

/** Drops listed values that another condition on the same column excludes. */
function consistent(conditions: readonly RefCondition[]): KeyCandidate | undefined {
  const narrowed = conditions.map(({ ref, condition }): RefCondition => {
    const others = conditions.filter((other) => other.condition !== condition && isSameRef(other.ref, ref));
    if (others.length === 0 || condition.filters.length > 0) return { ref, condition };
    const passes = (value: string | Uint8Array | null): boolean =>
      others.every((other) => satisfies(value, other.condition));
    return {
      ref,
      condition: {
        filters: [],
        values: condition.values.flatMap((value) => {
          if (passes(value)) return [value];
          // Bytes that a filter was turned around to may be text.
          const text = textOf(value);
          return text !== undefined && passes(text) ? [text] : [];
        }),
        orNull: condition.orNull && passes(null),
      },
    };
  });
  const contradicts = narrowed.some(({ condition }) => condition.values.length === 0 && !condition.orNull);
  return contradicts ? undefined : narrowed;
}

function isSameRef(one: TemplateRef, other: TemplateRef): boolean {
  if (!('name' in one) || !('name' in other)) return one.kind === other.kind;
  return one.kind === other.kind && one.name.toLowerCase() === other.name.toLowerCase();
}
