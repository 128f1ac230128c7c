import type { RowChange, RowImage, RowOperation } from '../change/row-change.ts';
import type { TableInterest } from '../change/table.ts';
import { describeCondition } from './condition-description.ts';
import { compileOutboxRule } from './compile-outbox-rule.ts';
import { explainStored } from './explain-stored.ts';
import type { RemovedKey, StoredKey } from './explain-stored.ts';
import { compileKey } from './key.ts';
import type { MappingOutput, MappingPlan } from './plan.ts';
import type { OutboxRule, Rule, TableRule } from './rule.ts';
import { selectorOf } from './rule.ts';
import { compileSelector } from './table-selector.ts';
import { templatePattern } from './template.ts';
import type { KeyTemplate } from './template.ts';

type ImageName = 'before' | 'after';

/** The images of a change that count, by name. */
export type NamedImages = readonly (readonly [ImageName, RowImage])[];

/**
 * What a template's text names: a key that is removed, a set whose members are, a counter that is incremented, or (of outboxes)
 * the beginning of keys that are removed.
 */
export type TemplateRole = 'key' | 'set' | 'generation' | 'prefix';

/** Why a template gives no key: for the whole change, or for one of its row images. */
export type NoKeyReason =
  | { readonly kind: 'operation'; readonly op: RowOperation }
  /** Deleted rows of an outbox name nothing. */
  | { readonly kind: 'outbox' }
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
  readonly role: TemplateRole;
  /** As the rule spells it; of an outbox its column in braces. */
  readonly template: string;
  /** Distinct keys that are removed, the old image's first. */
  readonly keys: readonly string[];
  /** Of a rule that stores values: the keys that get one. */
  readonly stored?: readonly StoredKey[];
  /** Of a rule that stores values: why `keys` are removed. */
  readonly removals?: readonly RemovedKey[];
  /** Of a rule that stores values, where the new row is not known: they get its values if they are its keys, and else go. */
  readonly renewed?: readonly string[];
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
  return rulesOn(plan, interest).flatMap((rule) => explainRule(rule, interest, change, imagesOf(change)));
}

/** The rules that select a table, in their order. */
export function rulesOn(plan: MappingPlan, { table }: TableInterest): readonly Rule[] {
  return plan.rules.filter((rule) => compileSelector(selectorOf(rule)).matches(table.schema, table.table));
}

/** What one rule does with a change, of which only `images` give keys. */
export function explainRule(
  rule: Rule,
  interest: TableInterest,
  change: RowChange,
  images: NamedImages,
): TemplateExplanation[] {
  if (rule.kind === 'outbox') return explainOutbox(rule, interest, change);
  return templatesOf(rule).map(({ role, template }) => {
    const head = { ruleId: rule.id, role, template: template.text };
    const why = whyNothing(rule, interest, change);
    if (why !== undefined) return { ...head, keys: [], nullKeys: 0, reasons: [why] };
    const explained = { ...head, ...explainTemplate(template, interest, images) };
    if (rule.action.kind === 'delete' || role !== 'key') return explained;
    if (change.op === 'update' && images.every(([image]) => image === 'before'))
      return { ...explained, keys: [], renewed: explained.keys };
    const { stored, removals } = explainStored(rule, rule.action, template, interest, change);
    return { ...explained, keys: removals.map(({ key }) => key), stored, removals };
  });
}

/** What the rule writes for a row: its generation only where it names no keys. */
function templatesOf({ keys, keysFromSet, generation }: TableRule): readonly RoleTemplate[] {
  const named: RoleTemplate[] = [
    ...keys.map((template) => ({ role: 'key', template }) as const),
    ...keysFromSet.map((template) => ({ role: 'set', template }) as const),
  ];
  return named.length === 0 && generation !== undefined
    ? [{ role: 'generation', template: generation }]
    : named;
}

interface RoleTemplate {
  readonly role: TemplateRole;
  readonly template: KeyTemplate;
}

/** A reason in plain words, e.g. `column email is NULL in the row's new image`. */
export function formatReason(reason: NoKeyReason): string {
  if (reason.kind === 'operation') return `the rule's "on" does not list ${reason.op}`;
  if (reason.kind === 'outbox') return 'deleted rows of an outbox name nothing';
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

/** Why the rule asks for nothing that its templates could tell; undefined if it does. */
function whyNothing(rule: TableRule, interest: TableInterest, change: RowChange): NoKeyReason | undefined {
  if (!rule.on.has(change.op)) return { kind: 'operation', op: change.op };
  const because =
    rule.condition === undefined ? undefined : describeCondition(rule.condition, change, interest.columns);
  if (because !== undefined) return { kind: 'condition', because };
  return rule.lookup === undefined ? undefined : { kind: 'lookup', sql: rule.lookup.sql };
}

function explainTemplate(
  template: KeyTemplate,
  interest: TableInterest,
  images: NamedImages,
): Pick<TemplateExplanation, 'keys' | 'scope' | 'nullKeys' | 'reasons'> {
  const keyOf = compileKey(template, interest);
  const keys = new Set<string>();
  const reasons: NoKeyReason[] = [];
  for (const [image, values] of images) {
    const key = keyOf(values);
    if (typeof key === 'string') keys.add(key);
    else reasons.push(whyNot(template, interest, image, values, key));
  }
  const unreadable = reasons.some((reason) => reason.kind === 'absent' || reason.kind === 'unsuitable');
  return {
    keys: [...keys],
    ...(unreadable ? { scope: templatePattern(template, interest.table) } : {}),
    nullKeys: reasons.filter((reason) => reason.kind === 'null').length,
    reasons,
  };
}

/** What a new row of an outbox names, column by column. */
function explainOutbox(
  rule: OutboxRule,
  { columns }: TableInterest,
  change: RowChange,
): TemplateExplanation[] {
  const { keyColumn, prefixColumn, generationColumn, ...rest } = rule;
  const explainColumn = (
    role: TemplateRole,
    column: string | undefined,
    alone: OutboxRule,
  ): TemplateExplanation[] => {
    if (column === undefined) return [];
    const head = { ruleId: rule.id, role, template: `{${column}}`, nullKeys: 0 };
    if (change.op === 'delete') return [{ ...head, keys: [], reasons: [{ kind: 'outbox' }] }];
    const out: MappingOutput = { commands: [], lookups: [], nullKeys: 0, keysOfTransaction: new Map() };
    let isUnreadable = false;
    compileOutboxRule(alone, columns, () => {
      isUnreadable = true;
      return [];
    })(change, out);
    const [command] = out.commands;
    if (isUnreadable) {
      const kind = change.after[columns.indexOf(column)] === undefined ? 'absent' : 'unsuitable';
      return [{ ...head, keys: [], scope: '*', reasons: [{ kind, image: 'after', column }] }];
    }
    if (command === undefined) {
      return [{ ...head, keys: [], reasons: [{ kind: 'null', image: 'after', column }] }];
    }
    return [
      command.kind === 'scope'
        ? { ...head, keys: [], scope: command.pattern, reasons: [] }
        : { ...head, keys: [command.key], reasons: [] },
    ];
  };
  return [
    ...explainColumn('key', keyColumn, { ...rest, ...(keyColumn === undefined ? {} : { keyColumn }) }),
    ...explainColumn('prefix', prefixColumn, {
      ...rest,
      ...(prefixColumn === undefined ? {} : { prefixColumn }),
    }),
    ...explainColumn('generation', generationColumn, {
      ...rest,
      ...(generationColumn === undefined ? {} : { generationColumn }),
    }),
  ];
}

function imagesOf(change: RowChange): NamedImages {
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
