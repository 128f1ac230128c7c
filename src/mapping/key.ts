import type { RowImage } from '../change/row-change.ts';
import type { TableRef } from '../change/table.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { compileFilters } from './filters.ts';
import type { ValueFormat } from './filters.ts';
import { formatKeyPart } from './format-value.ts';
import type { TemplateRef, ValuePart } from './template-reference.ts';
import type { KeyTemplate } from './template.ts';

/**
 * The key of a row image. `null`: a value is SQL NULL and has no default, so the row has no key. `undefined`: the
 * image lacks a value, or a filter does not take it, so the key is unknown. NULL in one value decides even if another
 * one is absent. `lookup` is one row of the lookup's result.
 */
export type KeyFunction = (image: RowImage, lookup?: RowImage) => string | null | undefined;

/** What the values that a key function gets are. */
export interface KeyContext {
  readonly table: TableRef;
  /** The columns that the table's row images hold, in their order. */
  readonly columns: readonly string[];
  /** The columns that rows of the lookup's result hold, in their order; none without a lookup. */
  readonly lookups?: readonly string[];
}

interface Source {
  readonly index: number;
  readonly isLookup: boolean;
  readonly format: ValueFormat;
}

/** A key of one column's value as it is, between two texts. `index` is the column's place in row images. */
export interface PlainKey {
  readonly prefix: string;
  readonly index: number;
  readonly suffix: string;
}

/** Compiles a template for the rows of one table. @throws UnstaleError when a row does not hold a value */
export function compileKey(template: KeyTemplate, context: KeyContext): KeyFunction {
  const { literals, sources } = partsOf(template, context);
  const plain = plainOf(literals, sources);
  if (plain !== undefined) return plainColumn(plain);
  const [prefix = ''] = literals;
  return sources.length === 0 ? () => prefix : severalValues(prefix, sources, literals);
}

/** The template as a plain key; undefined if it is not that simple. @throws UnstaleError as `compileKey` does */
export function plainKey(template: KeyTemplate, context: KeyContext): PlainKey | undefined {
  const { literals, sources } = partsOf(template, context);
  return plainOf(literals, sources);
}

interface Parts {
  /** One more than sources: what stands around them. */
  readonly literals: readonly string[];
  readonly sources: readonly Source[];
}

function partsOf(template: KeyTemplate, context: KeyContext): Parts {
  const literals: string[] = [''];
  const sources: Source[] = [];
  for (const part of template.parts) {
    const text = part.kind === 'literal' ? part.text : nameIn(part, context.table);
    if (text !== undefined) {
      literals[literals.length - 1] += text;
    } else if (part.kind === 'value') {
      sources.push(sourceOf(part, context));
      literals.push('');
    }
  }
  return { literals, sources };
}

function plainOf(
  [prefix = '', suffix = '']: Parts['literals'],
  [only, ...others]: Parts['sources'],
): PlainKey | undefined {
  if (only === undefined || others.length > 0 || only.isLookup || only.format !== formatKeyPart)
    return undefined;
  return { prefix, index: only.index, suffix };
}

/** The name that `{schema}` or `{table}` stands for; undefined for other references. */
function nameIn({ ref, filters }: ValuePart, table: TableRef): string | undefined {
  if (ref.kind !== 'schema' && ref.kind !== 'table') return undefined;
  const text = compileFilters(filters)(table[ref.kind]);
  if (typeof text === 'string') return text;
  throw new UnstaleError('UNSTALE_INTERNAL', `a filter does not take the name of the ${ref.kind}`);
}

function sourceOf({ ref, filters }: ValuePart, { columns, lookups = [] }: KeyContext): Source {
  const isLookup = ref.kind === 'lookup';
  const index = 'name' in ref ? (isLookup ? lookups : columns).indexOf(ref.name) : -1;
  if (index === -1) throw new UnstaleError('UNSTALE_INTERNAL', `column ${formatRef(ref)} is not read`);
  return { index, isLookup, format: compileFilters(filters) };
}

/** A reference as templates spell it, without its braces and quotes. */
function formatRef(ref: TemplateRef): string {
  if (ref.kind === 'lookup') return `lookup.${ref.name}`;
  return ref.kind === 'column' ? ref.name : ref.kind;
}

function plainColumn({ prefix, index, suffix }: PlainKey): KeyFunction {
  return (image) => {
    const text = formatKeyPart(image[index]);
    return typeof text === 'string' ? prefix + text + suffix : text;
  };
}

function severalValues(prefix: string, sources: readonly Source[], literals: readonly string[]): KeyFunction {
  return (image, lookup) => {
    let key = prefix;
    let absent = false;
    for (let part = 0; part < sources.length; part += 1) {
      const text = valueIn(sources[part], image, lookup);
      if (text === null) return null;
      if (text === undefined) absent = true;
      else key += text + (literals[part + 1] ?? '');
    }
    return absent ? undefined : key;
  };
}

function valueIn(
  source: Source | undefined,
  image: RowImage,
  lookup: RowImage | undefined,
): string | null | undefined {
  return source?.format(source.isLookup ? lookup?.[source.index] : image[source.index]);
}
