import type { RowChange, RowImage, RowOperation } from '../change/row-change.ts';
import type { TableInterest } from '../change/table.ts';
import { describeCondition } from './condition-description.ts';
import { compileKey } from './key.ts';
import type { MappingPlan } from './plan.ts';
import type { TableRule } from './rule.ts';
import { compileSelector } from './table-selector.ts';
import { templatePattern } from './template.ts';
import type { KeyTemplate } from './template.ts';

type ImageName = 'before' | 'after';

/** Why a template gives no key: for the whole change, or for one of its row images. */
export type NoKeyReason =
  | { readonly kind: 'operation'; readonly op: RowOperation }
  /** `because` is a sentence without its full stop. */
  | { readonly kind: 'condition'; readonly because: string }
  | { readonly kind: 'null'; readonly image: ImageName; readonly column: string }
  | { readonly kind: 'absent'; readonly image: ImageName; readonly column: string }
  /** Only a server can tell; the query with `?` for each parameter. */
  | { readonly kind: 'lookup'; readonly sql: string }
  /** A value that has no exact text, or that a filter does not take. */
  | { readonly kind: 'unsuitable'; readonly image: ImageName; readonly column: string };

/** What one template of one rule makes of a change. */
export interface TemplateExplanation {
  readonly ruleId: string;
  readonly template: string;
  /** Distinct keys, the old image's first. */
  readonly keys: readonly string[];
  /** The glob that is removed instead, because an image lacks a key column or holds a value that has no text for a key. */
  readonly scope?: string;
  /** Row images without a key because of SQL NULL. */
  readonly nullKeys: number;
  /** Empty when every image gave a key. */
  readonly reasons: readonly NoKeyReason[];
}

/**
 * What `plan.map` does with a change, template by template, in the order of the rules. The change's images
 * hold the columns of the table's interest; the table is matched by name. Empty if no rule is on the table.
 */
export function explain(plan: MappingPlan, change: RowChange): TemplateExplanation[] {
  const interest = plan.interests.of(change.table.schema, change.table.table);
  if (interest === undefined) return [];
  const { schema, table } = interest.table;
  return plan.rules
    .filter((rule) => rule.kind === 'table')
    .filter((rule) => compileSelector(rule.tables).matches(schema, table))
    .flatMap((rule) =>
      templatesOf(rule).map((template) => explainTemplate(rule, template, interest, change)),
    );
}

/** What the rule writes for a row: its generation only where it names no keys. */
function templatesOf({ keys, keysFromSet, generation }: TableRule): readonly KeyTemplate[] {
  const named = [...keys, ...keysFromSet];
  return named.length === 0 && generation !== undefined ? [generation] : named;
}

/** A reason in plain words, e.g. `column email is NULL in the row's new image`. */
export function formatReason(reason: NoKeyReason): string {
  if (reason.kind === 'operation') return `the rule's "on" does not list ${reason.op}`;
  if (reason.kind === 'condition') return reason.because;
  if (reason.kind === 'lookup') return `the keys come from a query: ${reason.sql}`;
  const image = `the row's ${reason.image === 'before' ? 'old' : 'new'} image`;
  switch (reason.kind) {
    case 'null':
      return `column ${reason.column} is NULL in ${image}`;
    case 'absent':
      return `column ${reason.column} is absent from ${image}`;
    case 'unsuitable':
      return `column ${reason.column} has a value in ${image} that has no text form for a key`;
  }
}

function explainTemplate(
  rule: TableRule,
  template: KeyTemplate,
  interest: TableInterest,
  change: RowChange,
): TemplateExplanation {
  const head = { ruleId: rule.id, template: template.text };
  if (!rule.on.has(change.op)) {
    return { ...head, keys: [], nullKeys: 0, reasons: [{ kind: 'operation', op: change.op }] };
  }
  const because =
    rule.condition === undefined ? undefined : describeCondition(rule.condition, change, interest.columns);
  if (because !== undefined) {
    return { ...head, keys: [], nullKeys: 0, reasons: [{ kind: 'condition', because }] };
  }
  if (rule.lookup !== undefined) {
    return { ...head, keys: [], nullKeys: 0, reasons: [{ kind: 'lookup', sql: rule.lookup.sql }] };
  }
  const keyOf = compileKey(template, interest);
  const keys = new Set<string>();
  const reasons: NoKeyReason[] = [];
  for (const [image, values] of imagesOf(change)) {
    const key = keyOf(values);
    if (typeof key === 'string') keys.add(key);
    else reasons.push(whyNot(template, interest, image, values, key));
  }
  const unreadable = reasons.some((reason) => reason.kind === 'absent' || reason.kind === 'unsuitable');
  return {
    ...head,
    keys: [...keys],
    ...(unreadable ? { scope: templatePattern(template, interest.table) } : {}),
    nullKeys: reasons.filter((reason) => reason.kind === 'null').length,
    reasons,
  };
}

function imagesOf(change: RowChange): [ImageName, RowImage][] {
  const images: [ImageName, RowImage][] = [];
  if (change.op !== 'insert') images.push(['before', change.before]);
  if (change.op !== 'delete') images.push(['after', change.after]);
  return images;
}

function whyNot(
  template: KeyTemplate,
  interest: TableInterest,
  image: ImageName,
  values: RowImage,
  missing: null | undefined,
): NoKeyReason {
  const culprit = template.parts.find(
    (part) =>
      part.kind === 'value' && compileKey({ ...template, parts: [part] }, interest)(values) === missing,
  );
  const column = culprit?.kind === 'value' && culprit.ref.kind === 'column' ? culprit.ref.name : '';
  if (missing === null) return { kind: 'null', image, column };
  const isAbsent = values[interest.columns.indexOf(column)] === undefined;
  return { kind: isAbsent ? 'absent' : 'unsuitable', image, column };
}
