import type { Filter } from '../change/filter.ts';
import type { ColumnValue } from '../change/row-change.ts';
import { formatDate } from './date-format.ts';
import { ANY_TEXT } from './explain-split.ts';
import type { TextShape } from './explain-split.ts';
import { compileFilters } from './filters.ts';
import { formatKeyPart } from './format-value.ts';
import { toLower, toUpper } from './letter-case.ts';

/**
 * Which values of a column stand in a key as a given text: those of which `filters` make one of `values`, and NULL if
 * `orNull`. Without filters these are the values themselves, numbers as text.
 */
export interface ValueCondition {
  readonly filters: readonly Filter[];
  readonly values: readonly (string | Uint8Array)[];
  readonly orNull: boolean;
}

/** What the text that filters give looks like, as far as the last one tells. */
export function shapeOf(filters: readonly Filter[]): TextShape {
  const last = filters.at(-1);
  switch (last?.kind) {
    case 'uuid':
      return { min: 36, max: 36, step: 1, allowed: /[0-9a-f-]/ };
    case 'sha1':
      return { min: 40, max: 40, step: 1, allowed: /[0-9a-f]/ };
    case 'sha256':
      return { min: 64, max: 64, step: 1, allowed: /[0-9a-f]/ };
    case 'hex':
      return { min: 0, max: Infinity, step: 2, allowed: /[0-9A-F]/ };
    case 'base64':
      return { min: 0, max: Infinity, step: 4, allowed: /[A-Za-z0-9+/=]/ };
    case 'urlencode':
      return { ...ANY_TEXT, allowed: /[A-Za-z0-9%._~-]/ };
    case 'pad':
      return { ...ANY_TEXT, min: last.width };
    default:
      return ANY_TEXT;
  }
}

/**
 * Which values give `text` behind these filters; undefined if none does. Exact: the filters make `text` of every value
 * that satisfies the result, and of no other.
 */
export function reverseFilters(text: string, filters: readonly Filter[]): ValueCondition | undefined {
  let condition: ValueCondition = { filters: [], values: [text], orNull: false };
  for (let index = filters.length - 1; index >= 0; index -= 1) {
    const filter = filters[index];
    if (filter === undefined) continue;
    const before = filters.slice(0, index);
    if (filter.kind === 'default') {
      // NULL gives the text, if no filter in front has replaced it already.
      const orNull = condition.values.some((value) => textOf(value) === filter.text);
      condition = { ...condition, orNull };
      continue;
    }
    const reversed = condition.values.map((value) => reverseOne(value, filter));
    if (reversed.some((values) => values === 'open')) {
      const texts = condition.values.map(textOf).filter((value) => value !== undefined);
      const values = texts.filter((value) => isResult(value, filter));
      const orNull = condition.orNull && before.every(({ kind }) => kind !== 'default');
      return values.length === 0 && !orNull ? undefined : { filters: [...before, filter], values, orNull };
    }
    condition = {
      ...condition,
      values: reversed.flatMap((values) => (values === 'open' ? [] : values)),
    };
    if (condition.values.length === 0 && !condition.orNull) return undefined;
  }
  return condition.values.length === 0 && !condition.orNull ? undefined : condition;
}

/** Whether a value of a column satisfies a condition. */
export function satisfies(value: ColumnValue, { filters, values, orNull }: ValueCondition): boolean {
  if (value === undefined) return false;
  if (value === null && orNull) return true;
  const result = filters.length === 0 && value instanceof Uint8Array ? value : asResult(value, filters);
  return values.some((wanted) => isEqual(wanted, result));
}

function asResult(value: ColumnValue, filters: readonly Filter[]): string | null | undefined {
  return filters.length === 0 ? formatKeyPart(value) : compileFilters(filters)(value);
}

/** Text satisfies bytes that it is the UTF-8 of; bytes are never text. */
function isEqual(wanted: string | Uint8Array, value: string | Uint8Array | null | undefined): boolean {
  if (value === null || value === undefined) return false;
  if (typeof value === 'string') return textOf(wanted) === value;
  return typeof wanted !== 'string' && Buffer.compare(wanted, value) === 0;
}

/** hex and base64 take text as its UTF-8, so that bytes stand for the text as well; undefined if they are no text. */
export function textOf(value: string | Uint8Array | null | undefined): string | undefined {
  if (typeof value === 'string') return value;
  return value === null || value === undefined ? undefined : decode(value);
}

function decode(bytes: Uint8Array): string | undefined {
  const text = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('utf8');
  return Buffer.compare(Buffer.from(text), bytes) === 0 ? text : undefined;
}

/** All values of which a filter makes `result`; `open` if there are too many to list. */
function reverseOne(
  result: string | Uint8Array,
  filter: Exclude<Filter, { readonly kind: 'default' }>,
): readonly (string | Uint8Array)[] | 'open' {
  // What is bytes for the next filter may be text for this one, which gives no bytes.
  const text = textOf(result);
  if (text === undefined) return [];
  switch (filter.kind) {
    case 'hex':
      return /^(?:[0-9A-F]{2})*$/.test(text) ? [Buffer.from(text, 'hex')] : [];
    case 'base64': {
      const bytes = Buffer.from(text, 'base64');
      return bytes.toString('base64') === text ? [bytes] : [];
    }
    case 'uuid':
      return /^[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(text)
        ? [Buffer.from(text.replaceAll('-', ''), 'hex')]
        : [];
    case 'urlencode':
      return reverseUrlencode(text);
    case 'pad':
      return reversePad(text, filter.width);
    case 'lower':
    case 'upper':
      // No other character becomes one of these.
      return /^[ -@[-`{-~]*$/.test(text) ? [text] : 'open';
    case 'trim':
    case 'date':
    case 'sha1':
    case 'sha256':
      return 'open';
  }
}

function reverseUrlencode(text: string): readonly string[] {
  let value: string;
  try {
    value = decodeURIComponent(text);
  } catch {
    return [];
  }
  return compileFilters([{ kind: 'urlencode' }])(value) === text ? [value] : [];
}

/** A text as long as the filter pads may have had any number of its leading zeros. */
function reversePad(text: string, width: number): readonly string[] {
  const length = Array.from(text).length;
  if (length < width) return [];
  if (length > width) return [text];
  const zeros = /^0*/.exec(text)?.[0].length ?? 0;
  return Array.from({ length: zeros + 1 }, (_, count) => text.slice(count));
}

/** Whether a filter that cannot be turned around gives this text for any value. */
function isResult(text: string, filter: Filter): boolean {
  switch (filter.kind) {
    case 'lower':
      return toLower(text) === text;
    case 'upper':
      return toUpper(text) === text;
    case 'trim':
      return !text.startsWith(' ') && !text.endsWith(' ');
    case 'sha1':
      return /^[0-9a-f]{40}$/.test(text);
    case 'sha256':
      return /^[0-9a-f]{64}$/.test(text);
    case 'date':
      return isDate(text, filter.format);
    default:
      return true;
  }
}

const DATE_PARTS: Readonly<Record<string, string>> = {
  Y: String.raw`\d{4}`,
  m: String.raw`\d\d`,
  d: String.raw`\d\d`,
  H: String.raw`\d{2,3}`,
  i: String.raw`\d\d`,
  s: String.raw`\d\d`,
  f: String.raw`\d{6}`,
};

/** Whether a text can be a date in this format. */
function isDate(text: string, format: string): boolean {
  // Only a TIME has a sign, and it has no day.
  const sign = formatDate('00:00:00', format) === undefined ? '' : '-?';
  const source = format.replaceAll(/%([\s\S])|[\s\S]/g, (whole, specifier?: string) => {
    if (specifier === undefined) return escapeSource(whole);
    return specifier === '%' ? '%' : (DATE_PARTS[specifier] ?? '');
  });
  return new RegExp(`^${sign}${source}$`).test(text);
}

function escapeSource(char: string): string {
  return char.replace(/[\\^$.*+?()[\]{}|/-]/, String.raw`\$&`);
}
