import type { RowChange, RowImage, RowOperation } from '../change/row-change.ts';
import type { TableInterest } from '../change/table.ts';
import { describeCondition } from './condition-description.ts';
import { hasTests } from './condition.ts';
import type { RuleCondition } from './condition.ts';
import { explainRule, rulesOn } from './explain.ts';
import type { NamedImages, TemplateExplanation, TemplateRole } from './explain.ts';
import type { MappingPlan } from './plan.ts';
import { ALL_OPERATIONS } from './rule.ts';
import type { Rule } from './rule.ts';

/** What one operation on a row brings about by one template of one rule. Of an update these are the keys of the old row. */
export interface RowOutcome extends Pick<
  TemplateExplanation,
  'keys' | 'stored' | 'removals' | 'renewed' | 'scope' | 'reasons'
> {
  readonly op: RowOperation;
  /** What has to be true of an update besides. */
  readonly provided: readonly string[];
}

export interface RowExplanation {
  readonly rule: Rule;
  readonly role: TemplateRole;
  readonly template: string;
  readonly outcomes: readonly RowOutcome[];
}

/**
 * What inserting, updating and deleting a row would do, template by template, in the order of the rules. Of an update the new
 * row is not known: what depends on it stands in `provided`. `row` holds the columns of the interest.
 */
export function explainRow(plan: MappingPlan, interest: TableInterest, row: RowImage): RowExplanation[] {
  return rulesOn(plan, interest).flatMap((rule) => {
    const byTemplate = new Map<string, RowExplanation & { readonly outcomes: RowOutcome[] }>();
    for (const op of ALL_OPERATIONS) {
      const { change, images } = operationOn(op, interest, row, rule);
      for (const explained of explainRule(rule, interest, change, images)) {
        const { ruleId: _, role, template, nullKeys: __, ...outcome } = explained;
        const id = `${role} ${template}`;
        const entry = byTemplate.get(id) ?? { rule, role, template, outcomes: [] };
        byTemplate.set(id, entry);
        const happens = outcome.reasons.every(({ kind }) => kind !== 'operation' && kind !== 'condition');
        const provided =
          op === 'update' && happens && rule.kind === 'table' && rule.condition !== undefined
            ? provisos(rule.condition, interest, row)
            : [];
        entry.outcomes.push({ op, ...outcome, provided });
      }
    }
    return [...byTemplate.values()];
  });
}

function operationOn(
  op: RowOperation,
  { table }: TableInterest,
  row: RowImage,
  rule: Rule,
): { readonly change: RowChange; readonly images: NamedImages } {
  if (op === 'insert') return { change: { op, table, after: row }, images: [['after', row]] };
  if (op === 'delete') return { change: { op, table, before: row }, images: [['before', row]] };
  // A row of an outbox says what its new values name.
  if (rule.kind === 'outbox') return { change: { op, table, before: row, after: row }, images: [] };
  // What is not known of the new row counts as satisfying every condition.
  const unknown = row.map(() => undefined);
  return { change: { op, table, before: row, after: unknown }, images: [['before', row]] };
}

/** What an update of the row has to do so that the rule reacts to it. */
function provisos(condition: RuleCondition, { table, columns }: TableInterest, row: RowImage): string[] {
  const { changed = [], image = [], new: current = [] } = condition;
  const satisfied = describeCondition({ image }, { op: 'delete', table, before: row }, columns) === undefined;
  const [only, ...others] = changed;
  return [
    ...(only === undefined
      ? []
      : [others.length === 0 ? `it changes ${only}` : `it changes one of ${changed.join(', ')}`]),
    ...(satisfied ? [] : ['the new row satisfies where']),
    ...(hasTests(current) ? ['the new row satisfies where.new'] : []),
  ];
}
