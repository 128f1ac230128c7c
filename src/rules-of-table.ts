import type { Config } from './config/config.ts';
import { UnstaleError } from './errors/unstale-error.ts';
import { selectorOf } from './mapping/rule.ts';
import { compileSelector, formatSelector } from './mapping/table-selector.ts';

/**
 * The places of the rules on a table, e.g. `rules[0]`.
 * @param name `schema.table`
 * @throws UnstaleError UNSTALE_USAGE when there is none
 */
export function rulesOfTable({ plan }: Config, name: string): readonly string[] {
  const [, schema = '', table = ''] = /^([^.]*)\.(.*)$/s.exec(name) ?? [];
  const selectors = plan.rules.map((rule) => ({ id: rule.id, selector: selectorOf(rule) }));
  const found = selectors.filter(({ selector }) => compileSelector(selector).matches(schema, table));
  if (found.length > 0) return found.map(({ id }) => id);
  const known = [...new Set(selectors.map(({ selector }) => formatSelector(selector)))].join(', ');
  throw new UnstaleError('UNSTALE_USAGE', `no rule is on the table "${name}"; the rules are on ${known}`);
}
