import { describe, expect, it } from 'vitest';
import { ALL_EVENTS } from '../mapping/rule.ts';
import type { RuleAction, TableRule } from '../mapping/rule.ts';
import type { TableSelector } from '../mapping/table-selector.ts';
import { parseTemplate } from '../mapping/template.ts';
import { checkVersionSources } from './version-sources.ts';

function rule(
  id: number,
  table: string | TableSelector,
  key: string,
  action: RuleAction = guard('v'),
): TableRule {
  const parsed = parseTemplate(key, { constant: true });
  if (!parsed.ok) throw new Error(parsed.problem);
  return {
    kind: 'table',
    id: `rules[${id}]`,
    tables: typeof table === 'string' ? { kind: 'exact', table: { schema: 'shop', table } } : table,
    on: new Set(ALL_EVENTS),
    keys: [parsed.template],
    keysFromSet: [],
    action,
  };
}

function guard(column: string): RuleAction {
  return { kind: 'delete', guard: { kind: 'version', column, replicaHold: 0 } };
}

const byBinlog: RuleAction = {
  kind: 'update',
  value: { form: 'string', field: { column: 'name', name: 'name', format: 'text' } },
  version: { kind: 'binlog' },
  ttl: 1,
  ttlJitter: 0,
  create: true,
  replicaHold: 0,
};
const products: TableSelector = {
  kind: 'pattern',
  text: 'shop.product*',
  schema: 'shop',
  table: 'product.*',
};

describe('versions of one key', () => {
  it.each<readonly [string, readonly TableRule[]]>([
    ['two tables', [rule(0, 'products', 'product:{id}'), rule(1, 'prices', 'product:{product_id}')]],
    [
      'two columns',
      [rule(0, 'products', 'product:{id}'), rule(1, 'products', 'product:{id}', guard('changed_at'))],
    ],
    [
      'a column and the binlog',
      [rule(0, 'products', 'product:{id}'), rule(1, 'products', 'product:{id}', byBinlog)],
    ],
    [
      'a name that stands for a text',
      [rule(0, 'products', 'a:{table}:{id}'), rule(1, 'prices', 'a:products:{product_id}')],
    ],
    ['a table outside of a pattern', [rule(0, products, 'product:{id}'), rule(1, 'prices', 'product:{id}')]],
  ])('that come from %s are told', (_, rules) => {
    expect(checkVersionSources(rules)).toMatchObject([
      { code: 'UNSTALE_VERSION_SOURCES', severity: 'warning', subject: 'rules[0] rules[1]' },
    ]);
  });

  it.each<readonly [string, readonly TableRule[]]>([
    [
      'the same column',
      [rule(0, 'products', 'product:{id}', guard('V')), rule(1, 'products', 'product:{id}')],
    ],
    [
      'the binlog alone',
      [rule(0, 'products', 'p:{id}', byBinlog), rule(1, 'prices', 'p:{product_id}', byBinlog)],
    ],
    ['a table of a pattern', [rule(0, products, 'product:{id}'), rule(1, 'products', 'product:{id}')]],
    ['other keys', [rule(0, 'products', 'product:{id}'), rule(1, 'prices', 'price:{product_id}')]],
    [
      'one rule alone',
      [
        rule(0, 'products', 'product:{id}'),
        rule(1, 'prices', 'product:{id}', { kind: 'delete', guard: { kind: 'lease', replicaHold: 0 } }),
      ],
    ],
  ])('that come from %s are not', (_, rules) => {
    expect(checkVersionSources(rules)).toEqual([]);
  });

  it('are told with the templates and where the versions come from, and once for two rules', () => {
    const other = rule(1, 'prices', 'product:{product_id}', guard('changed_at'));
    const [problem, ...others] = checkVersionSources([
      rule(0, 'products', 'product:{id}'),
      { ...other, keys: [...other.keys, ...other.keys] },
    ]);
    expect(problem?.message).toContain(
      'rules[0] product:{id} and rules[1] product:{product_id} give the same keys versions that do not compare: shop.products.v and shop.prices.changed_at.',
    );
    expect(others).toEqual([]);
  });
});
