import { z } from 'zod';
import type { RowChange, RowImage } from '../change/row-change.ts';
import type { TableInterest } from '../change/table.ts';
import type { Config } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { explain, formatReason, rulesOn } from '../mapping/explain.ts';
import type { TemplateExplanation, TemplateRole } from '../mapping/explain.ts';
import { selectorOf } from '../mapping/rule.ts';
import { formatSelector } from '../mapping/table-selector.ts';
import { formatStored, formatTerms, STORED_NOTE } from './stored-text.ts';

const rowSchema = z.record(z.string(), z.union([z.string(), z.number(), z.null()]));
const changeSchema = z
  .strictObject({
    table: z.string(),
    op: z.enum(['insert', 'update', 'delete']).optional(),
    before: rowSchema.optional(),
    after: rowSchema.optional(),
  })
  .refine(
    (change) => change.before !== undefined || change.after !== undefined,
    'give "before", "after" or both',
  );

type GivenChange = z.infer<typeof changeSchema>;

/** One change as it was given, and what each template of its table's rules makes of it. */
export interface ExplainedChange {
  readonly table: string;
  readonly op: RowChange['op'];
  readonly templates: readonly TemplateExplanation[];
}

/**
 * Says which keys rows give: one JSON object, an array of them, or one a line, each
 * `{"table": "shop.users", "before": {…}, "after": {…}}`. Without "op" the images tell: both are an update.
 * @throws UnstaleError UNSTALE_USAGE for anything else, with what to write
 */
export function explainRows(config: Config, text: string): ExplainedChange[] {
  return parseChanges(text).map((given) => {
    const interest = interestIn(config, given.table);
    const change = toChange(given, interest);
    return { table: given.table, op: change.op, templates: explain(config.plan, change) };
  });
}

/**
 * What the rules need of a table that is named `schema.table`.
 * @throws UnstaleError UNSTALE_USAGE if no rule is on it
 */
export function interestIn({ plan }: Config, name: string): TableInterest {
  const [, schema = '', table = ''] = /^([^.]*)\.(.*)$/s.exec(name) ?? [];
  const interest = plan.interests.of(schema, table);
  if (interest !== undefined) return interest;
  const known = [...new Set(plan.rules.map((rule) => formatSelector(selectorOf(rule))))].join(', ');
  throw new UnstaleError('UNSTALE_USAGE', `no rule is on the table "${name}"; the rules are on ${known}`);
}

/**
 * The places of the rules on a table that is named `schema.table`, e.g. `rules[0]`.
 * @throws UnstaleError UNSTALE_USAGE if there is none
 */
export function rulesOfTable(config: Config, name: string): readonly string[] {
  return rulesOn(config.plan, interestIn(config, name)).map(({ id }) => id);
}

/** The explanation for people: a line a key, or why there is none. */
export function formatExplained(changes: readonly ExplainedChange[]): string {
  const isStored = changes.some(({ templates }) => templates.some(({ stored = [] }) => stored.length > 0));
  return changes
    .map(({ table, op, templates }) => {
      const lines = templates.flatMap(({ ruleId, role, template, keys, scope, reasons, ...update }) => [
        ...(update.stored ?? []).map(
          (stored) => `  ${formatStored(stored)}    (${ruleId} ${template}: stored, ${formatTerms(stored)})`,
        ),
        ...(update.removals ?? []).map(
          ({ key, because }) => `  ${key}    (${ruleId} ${template}: removed, because ${because})`,
        ),
        ...(update.removals === undefined ? keys : []).map(
          (key) => `  ${formatName(role, key)}    (${ruleId} ${template})`,
        ),
        ...(scope === undefined ? [] : [`  ${scope}    (${ruleId} ${template}: the whole scope)`]),
        ...reasons.map((reason) => `  no key    (${ruleId} ${template}: ${formatReason(reason)})`),
      ]);
      return [`${op} ${table}`, ...lines].join('\n');
    })
    .concat(isStored ? [STORED_NOTE] : [])
    .join('\n');
}

/** What a template's text names, for people. */
export function formatName(role: TemplateRole, name: string): string {
  switch (role) {
    case 'key':
    case 'prefix':
      return name;
    case 'set':
      return `the keys in the set ${name}`;
    case 'generation':
      return `the counter ${name}`;
  }
}

function parseChanges(text: string): GivenChange[] {
  return parseJson(text).map((value) => {
    const parsed = changeSchema.safeParse(value);
    if (parsed.success) return parsed.data;
    const [issue] = parsed.error.issues;
    const where = issue === undefined || issue.path.length === 0 ? '' : `${issue.path.join('.')}: `;
    throw usage(`${where}${issue?.message ?? 'not a change'}`);
  });
}

function parseJson(text: string): unknown[] {
  try {
    const value: unknown = JSON.parse(text);
    return Array.isArray(value) ? value : [value];
  } catch {
    const lines = text.split('\n').filter((line) => line.trim() !== '');
    try {
      return lines.map((line): unknown => JSON.parse(line));
    } catch (error) {
      throw usage(error instanceof Error ? error.message : 'not JSON');
    }
  }
}

function toChange(given: GivenChange, { table, columns }: TableInterest): RowChange {
  const image = (row: z.infer<typeof rowSchema>): RowImage => columns.map((column) => row[column]);
  const { before, after } = given;
  const op = given.op ?? (before === undefined ? 'insert' : after === undefined ? 'delete' : 'update');
  if (op === 'insert' && after !== undefined) return { op, table, after: image(after) };
  if (op === 'delete' && before !== undefined) return { op, table, before: image(before) };
  if (op === 'update' && before !== undefined && after !== undefined) {
    return { op, table, before: image(before), after: image(after) };
  }
  throw usage(
    `an ${op} needs ${op === 'insert' ? '"after"' : op === 'delete' ? '"before"' : '"before" and "after"'}`,
  );
}

function usage(problem: string): UnstaleError {
  return new UnstaleError(
    'UNSTALE_USAGE',
    `${problem}. Write {"table": "schema.table", "before": {column: value}, "after": {column: value}}`,
  );
}
