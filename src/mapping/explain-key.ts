import { matchTemplate } from './explain-match.ts';
import type { TemplateMatch } from './explain-match.ts';
import type { TemplateRole } from './explain.ts';
import type { MappingPlan } from './plan.ts';
import { ALL_OPERATIONS } from './rule.ts';
import type { OutboxRule, Rule, TableRule } from './rule.ts';
import { compileSelector } from './table-selector.ts';
import type { TableSelector } from './table-selector.ts';
import type { KeyTemplate, TemplatePart } from './template.ts';

/**
 * One way in which a key can be touched.
 *
 * `template`: a changed row, or with `lookup` a row of a query's result, gives the key, the name of the set whose members go, or
 * the name of the counter. `scope`: no row gives it, but it is touched where
 * all keys of the rule are removed. `member`: it goes if
 * the set of that name holds it. `outbox`: a new row may name it. `hint`: a comment may name it.
 */
export type KeyOrigin =
  | (TemplateMatch & {
      readonly kind: 'template';
      readonly rule: TableRule;
      readonly role: TemplateRole;
      readonly template: KeyTemplate;
    })
  | {
      readonly kind: 'scope';
      readonly rule: TableRule;
      readonly role: TemplateRole;
      readonly template: KeyTemplate;
    }
  | { readonly kind: 'member'; readonly rule: TableRule; readonly template: KeyTemplate }
  | { readonly kind: 'outbox'; readonly rule: OutboxRule; readonly prefix: string | undefined }
  | { readonly kind: 'hint' };

/**
 * Which rules can touch a key, and with which rows; those that the key itself tells first, in the order of the rules. Pure: what depends on the types of columns is left
 * open. Empty if nothing can.
 *
 * @param hints whether comments in SQL statements may name keys
 */
export function explainKey(plan: MappingPlan, key: string, hints: boolean): KeyOrigin[] {
  const origins = plan.rules.flatMap((rule) => originsIn(rule, key));
  return certainFirst(hints ? [...origins, { kind: 'hint' }] : origins);
}

const ORDER: readonly KeyOrigin['kind'][] = ['template', 'scope', 'member', 'outbox', 'hint'];

/** What the key itself tells before what may touch any key. */
export function certainFirst(origins: readonly KeyOrigin[]): KeyOrigin[] {
  return origins.toSorted((one, other) => ORDER.indexOf(one.kind) - ORDER.indexOf(other.kind));
}

function originsIn(rule: Rule, key: string): KeyOrigin[] {
  if (rule.kind === 'outbox') {
    if (
      rule.keyColumn === undefined &&
      rule.prefixColumn === undefined &&
      rule.generationColumn === undefined
    )
      return [];
    return [{ kind: 'outbox', rule, prefix: rule.prefixes.find((prefix) => key.startsWith(prefix)) }];
  }
  const origins: KeyOrigin[] = [];
  const reactsToRows = ALL_OPERATIONS.some((op) => rule.on.has(op));
  const isCounterOnly = rule.keys.length + rule.keysFromSet.length === 0;
  const add = (role: TemplateRole, template: KeyTemplate): void => {
    const { candidates, more } = matchRule(rule.tables, template, key);
    const isFound = candidates.length > 0 || more;
    if (isFound && reactsToRows && (role !== 'generation' || isCounterOnly)) {
      origins.push({ kind: 'template', rule, role, template, candidates, more });
    } else if (isFound || (rule.generation === undefined && isInScope(rule.tables, template, key))) {
      origins.push({ kind: 'scope', rule, role, template });
    }
  };
  for (const template of rule.keys) add('key', template);
  for (const template of rule.keysFromSet) add('set', template);
  if (rule.generation !== undefined) add('generation', rule.generation);
  for (const template of rule.keysFromSet) origins.push({ kind: 'member', rule, template });
  return origins;
}

/** Like `matchTemplate`, with what the rule says of the tables' names. */
export function matchRule(tables: TableSelector, template: KeyTemplate, key: string): TemplateMatch {
  if (tables.kind === 'exact') return matchTemplate(template, key, { names: tables.table });
  const { candidates, more } = matchTemplate(template, key);
  const half = {
    schema: compileSelector({ ...tables, table: '.*' }),
    table: compileSelector({ ...tables, schema: '.*' }),
  };
  const possible = candidates.filter((candidate) =>
    candidate.every(({ ref, condition }) => {
      if (ref.kind !== 'schema' && ref.kind !== 'table') return true;
      // A filter such as lower leaves open which name it was.
      if (condition.filters.length > 0) return true;
      return condition.values.some(
        (name) =>
          typeof name === 'string' &&
          (ref.kind === 'schema' ? half.schema.matches(name, '') : half.table.matches('', name)),
      );
    }),
  );
  return { candidates: possible, more };
}

/** Whether the key is among those that go where all keys of the template are removed. */
function isInScope(tables: TableSelector, template: KeyTemplate, key: string): boolean {
  const names = tables.kind === 'exact' ? tables.table : {};
  const parts = template.parts.map((part, index): TemplatePart => {
    if (part.kind === 'literal' || !('name' in part.ref)) return part;
    // A column that stands in two places may be two texts here.
    return { kind: 'value', ref: { kind: 'column', name: String(index) }, filters: [] };
  });
  return matchTemplate({ ...template, parts }, key, { names }).candidates.length > 0;
}
