import { readColumns } from '../binlog/preflight/catalog.ts';
import { sumUp } from '../binlog/preflight/patterns.ts';
import type { TablePattern } from '../binlog/preflight/patterns.ts';
import type { PreflightProblem } from '../binlog/preflight/problem.ts';
import type { ServerFacts } from '../binlog/server-facts.ts';
import type { TableInterest } from '../change/table.ts';
import { shapeOfType } from '../mapping/explain-sql.ts';
import type { MappingPlan } from '../mapping/plan.ts';
import { selectorOf } from '../mapping/rule.ts';
import type { Rule } from '../mapping/rule.ts';
import { compileSelector } from '../mapping/table-selector.ts';
import type { SqlClient } from '../pipeline/ports.ts';
import { checkConditions, checkEvents } from './check-conditions.ts';
import type { KnownTable } from './check-conditions.ts';
import { checkLookups } from './check-lookups.ts';
import { checkOutbox } from './check-outbox.ts';
import { checkCollisions, checkDuplicates } from './similar-rules.ts';

export interface RuleCheckOptions {
  readonly plan: MappingPlan;
  readonly server: ServerFacts;
  readonly source: SqlClient;
  readonly lookups: SqlClient;
  /** The tables that rules are on and that may exist. */
  readonly interests: readonly TableInterest[];
  readonly patterns: readonly TablePattern[];
}

/** Tables whose columns are compared with the conditions of rules. */
const MOST_TABLES = 200;

/**
 * What the rules do that nobody can have meant, by the tables and the server that they run on. What is wrong with the tables and
 * columns themselves is found by the preflight.
 * @throws UnstaleError when the source cannot be asked
 */
export async function checkRules(options: RuleCheckOptions): Promise<PreflightProblem[]> {
  const { plan, server, source, lookups, interests, patterns } = options;
  const { rules } = plan;
  const tables: KnownTable[] = [];
  for (const { table } of interests.slice(0, MOST_TABLES)) {
    const columns = await readColumns(source, table.schema, table.table);
    if (columns.length > 0) tables.push({ table, columns });
  }
  const selected = interests.filter((interest) => !plan.interests.named.includes(interest));
  const tablesOf = (rule: Rule): KnownTable[] => {
    const { matches } = compileSelector(selectorOf(rule));
    return tables.filter(({ table }) => matches(table.schema, table.table));
  };
  const limits = { latestTimestamp: LATEST_TIMESTAMP[server.flavour] };
  const problems: PreflightProblem[] = [];
  if (interests.length > MOST_TABLES) {
    const message = `Only the first ${MOST_TABLES} of ${interests.length} tables were compared with the conditions of rules.`;
    problems.push({ severity: 'info', subject: 'rules', message });
  }
  for (const rule of rules) {
    const found = tablesOf(rule);
    if (rule.kind === 'table') {
      problems.push(...checkEvents(rule), ...found.flatMap((known) => checkConditions(rule, known, limits)));
    } else {
      for (const known of found) problems.push(...(await checkOutbox(source, rule, known)));
    }
  }
  const collisions = checkCollisions(rules, (rule, column) => {
    const types = tablesOf(rule).map(({ columns }) => columns.find(({ name }) => name === column)?.dataType);
    return types.length === 1 ? shapeOfType(types[0]) : undefined;
  });
  const slow = await checkLookups({ plan, client: lookups, source, tableOf: (rule) => tablesOf(rule)[0] });
  return [...slow, ...sumUp(problems, selected, patterns), ...checkDuplicates(rules), ...collisions];
}

/** MariaDB's reach to 2106 since 11.5. */
const LATEST_TIMESTAMP: Readonly<Record<ServerFacts['flavour'], string>> = {
  mysql: '2038-01-19 03:14:07',
  mariadb: '2106-02-07 06:28:15',
};
