import type { ColumnValue, RowOperation } from '../../src/change/row-change.ts';

// What the mapping does, written the obvious way: everything is read anew from the rule's text for every row. It
// shares no code with src/mapping, so that the two can be compared.

/** A row, or what an image holds of it: a column that is missing or undefined is absent. */
export type Row = Readonly<Record<string, ColumnValue>>;

export type Test =
  | { readonly is: string }
  | { readonly in: readonly string[] }
  | { readonly not: readonly string[] }
  | { readonly gte: string; readonly lt: string }
  | 'null'
  | 'not null';

export type Where = Readonly<Record<string, Test>>;

/** A rule as people write it. */
export interface ReferenceRule {
  readonly id: string;
  /** `schema.table`, in both of which `*` is any text. */
  readonly table: string;
  readonly keys?: readonly string[];
  readonly sets?: readonly string[];
  readonly generation?: string;
  readonly on?: readonly RowOperation[];
  readonly changed?: readonly string[];
  readonly where?: { readonly image?: Where; readonly old?: Where; readonly new?: Where };
  readonly maxKeys?: number;
  /** Columns of the changed row that its lookup is asked by. */
  readonly lookup?: readonly string[];
}

export interface ReferenceChange {
  readonly schema: string;
  readonly table: string;
  readonly before?: Row;
  readonly after?: Row;
}

/** What the changes of one transaction ask for, as lines such as `delete user:7`, each once. */
export function referenceCommands(
  rules: readonly ReferenceRule[],
  transaction: readonly ReferenceChange[],
): Set<string> {
  const lines = new Set<string>();
  for (const rule of rules) {
    let count = 0;
    for (const change of transaction) {
      const added = linesOf(rule, change);
      count += added.length;
      const isTooMuch = rule.maxKeys !== undefined && count > rule.maxKeys && added.length > 0;
      for (const line of isTooMuch ? everythingOf(rule, change) : added) lines.add(line);
    }
  }
  return lines;
}

/** The key of a row; `null` if it has none because of NULL, undefined if the image does not tell. */
export function referenceKey(
  template: string,
  row: Row,
  { schema, table }: { readonly schema: string; readonly table: string },
): string | null | undefined {
  const texts = piecesOf(template).map((piece) => {
    if (piece.length === 1) return piece;
    if (piece === '{{' || piece === '}}') return piece.charAt(0);
    const [name = '', ...filters] = piece.slice(1, -1).split('|');
    const value = name === 'schema' ? schema : name === 'table' ? table : row[name.replaceAll('`', '')];
    return filtered(value, filters);
  });
  if (texts.includes(null)) return null;
  return texts.includes(undefined) ? undefined : texts.join('');
}

/** Whether the rule is on the table. */
export function isOn(
  rule: ReferenceRule,
  { schema, table }: { readonly schema: string; readonly table: string },
): boolean {
  const source = rule.table.replaceAll('.', '\\.').replaceAll('*', '.*');
  return new RegExp(`^${source}$`).test(`${schema}.${table}`);
}

/** Whether a row image can be said to fail: what is not known passes. */
export function mayHold(where: Where, row: Row): boolean {
  return Object.entries(where).every(([column, test]) => verdict(test, row[column]) !== false);
}

function linesOf(rule: ReferenceRule, change: ReferenceChange): string[] {
  if (!isOn(rule, change) || !reacts(rule, change)) return [];
  const images = [change.before, change.after].filter((image) => image !== undefined);
  if (rule.lookup !== undefined) {
    const { lookup: columns } = rule;
    const questions = unique(images.map((image) => columns.map((column) => spell(image[column])).join(', ')));
    return questions.flatMap((question) =>
      question.includes('absent') ? everythingOf(rule, change) : [`lookup ${rule.id} ${question}`],
    );
  }
  const { keys = [], sets = [] } = rule;
  const counters = keys.length + sets.length === 0 && rule.generation !== undefined ? [rule.generation] : [];
  const kinds = [
    ...keys.map((template) => ['delete', template] as const),
    ...sets.map((template) => ['set-keys', template] as const),
    ...counters.map((template) => ['generation', template] as const),
  ];
  return kinds.flatMap(([kind, template]) =>
    unique(
      images.flatMap((image) => {
        const key = referenceKey(template, image, change);
        if (key === null) return [];
        return key === undefined ? scopeOf(rule, kind, template, change) : [`${kind} ${key}`];
      }),
    ),
  );
}

/** What stands for every key that the rule can produce for the change's table. */
function everythingOf(rule: ReferenceRule, change: ReferenceChange): string[] {
  const { keys = [], sets = [] } = rule;
  if (rule.generation !== undefined) return scopeOf(rule, 'generation', rule.generation, change);
  return [
    ...keys.flatMap((template) => scopeOf(rule, 'delete', template, change)),
    ...sets.flatMap((template) => scopeOf(rule, 'set-keys', template, change)),
  ];
}

function scopeOf(rule: ReferenceRule, kind: string, template: string, change: ReferenceChange): string[] {
  if (rule.generation !== undefined && rule.generation !== template) {
    return scopeOf(rule, 'generation', rule.generation, change);
  }
  if (kind === 'generation') {
    const constant = referenceKey(template, {}, change);
    if (typeof constant === 'string' && !template.includes('|')) return [`generation ${constant}`];
  }
  const texts = piecesOf(template).map((piece) => {
    if (piece.length === 1 || piece === '{{' || piece === '}}') return escaped(piece.charAt(0));
    return /^\{(?:schema|table)\b/.test(piece) ? escaped(String(referenceKey(piece, {}, change))) : '*';
  });
  const pattern = texts.filter((text, index) => text !== '*' || texts[index - 1] !== '*').join('');
  return [`scope${kind === 'set-keys' ? ' of sets' : ''} ${pattern}`];
}

function escaped(text: string): string {
  return text.replaceAll(/[*?[\]\\^-]/g, '\\$&');
}

function reacts({ on, changed, where = {} }: ReferenceRule, { before, after }: ReferenceChange): boolean {
  const op = before === undefined ? 'insert' : after === undefined ? 'delete' : 'update';
  if (on !== undefined && !on.includes(op)) return false;
  if (changed !== undefined && before !== undefined && after !== undefined) {
    const differs = changed.some((column) => {
      const [old, current] = [before[column], after[column]];
      return old === undefined || current === undefined || spell(old) !== spell(current);
    });
    if (!differs) return false;
  }
  const { image, old, new: current } = where;
  const images = [before, after].filter((row) => row !== undefined);
  if (image !== undefined && !images.some((row) => mayHold(image, row))) return false;
  if (old !== undefined && (before === undefined || !mayHold(old, before))) return false;
  return current === undefined || (after !== undefined && mayHold(current, after));
}

/** True, false, or undefined where it is not certain. For numbers and for ASCII text without i, j, u, v, w and y. */
function verdict(test: Test, value: ColumnValue): boolean | undefined {
  if (value === undefined) return undefined;
  if (test === 'null') return value === null;
  if (test === 'not null') return value !== null;
  if ('not' in test) {
    const listed = verdict({ in: test.not }, value);
    return listed === undefined ? undefined : !listed;
  }
  if (value === null) return false;
  if (value instanceof Uint8Array) return undefined;
  if ('gte' in test) {
    if (typeof value === 'string' && !isNumeral(value)) return undefined;
    return Number(value) >= Number(test.gte) && Number(value) < Number(test.lt);
  }
  const verdicts = ('is' in test ? [test.is] : test.in).map((wanted) => isEqual(value, wanted));
  return verdicts.includes(true) ? true : verdicts.includes(undefined) ? undefined : false;
}

function isEqual(value: string | number, wanted: string): boolean | undefined {
  if (typeof value === 'number') return isNumeral(wanted) ? value === Number(wanted) : undefined;
  if (value === wanted) return true;
  // Equal to anything in some collation, as far as this alphabet goes.
  if (value.startsWith('é')) return undefined;
  const isSimilar =
    value.trimEnd().toLowerCase() === wanted.trimEnd().toLowerCase() ||
    (isNumeral(value) && isNumeral(wanted) && Number(value) === Number(wanted));
  return isSimilar ? undefined : false;
}

function isNumeral(text: string): boolean {
  return text.trim() !== '' && Number.isFinite(Number(text));
}

function filtered(value: ColumnValue, filters: readonly string[]): string | null | undefined {
  let text: string | null | undefined =
    value instanceof Uint8Array || (typeof value === 'number' && !Number.isInteger(value))
      ? undefined
      : value === null || value === undefined
        ? value
        : String(value);
  for (const filter of filters) {
    if (filter.startsWith('default:')) text = text === null ? filter.slice('default:'.length) : text;
    else if (typeof text === 'string') text = filteredText(text, filter);
  }
  return text;
}

function filteredText(text: string, filter: string): string {
  if (filter === 'lower') return text.toLowerCase();
  if (filter === 'upper') return text.toUpperCase();
  if (filter === 'trim') return text.replaceAll(/^ +| +$/g, '');
  if (filter === 'urlencode') return encodeURIComponent(text).replaceAll('*', '%2A');
  if (filter.startsWith('pad:')) return text.padStart(Number(filter.slice('pad:'.length)), '0');
  throw new Error(`the reference does not know the filter ${filter}`);
}

/** Single literal characters, doubled braces and references. */
function piecesOf(template: string): string[] {
  return template.match(/\{\{|\}\}|\{[^{}]+\}|[^]/g) ?? [];
}

/** Equal only for the same value of the same type. */
export function spell(value: ColumnValue): string {
  if (value instanceof Uint8Array) return `0x${Buffer.from(value).toString('hex')}`;
  return value === undefined ? 'absent' : JSON.stringify(value);
}

function unique(lines: readonly string[]): string[] {
  return [...new Set(lines)];
}
