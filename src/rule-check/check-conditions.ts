import { columnNamed } from '../binlog/preflight/column-type.ts';
import type { ColumnFacts } from '../binlog/preflight/column-type.ts';
import type { PreflightProblem } from '../binlog/preflight/problem.ts';
import { formatTable } from '../change/table.ts';
import type { TableRef } from '../change/table.ts';
import { hasTests } from '../mapping/condition.ts';
import type { RuleCondition } from '../mapping/condition.ts';
import type { RuleEvent, TableRule } from '../mapping/rule.ts';
import { judgeTest } from './judge-test.ts';
import type { TestJudgement } from './judge-test.ts';
import type { ServerLimits } from './judge-value.ts';

/** A table and its columns. */
export interface KnownTable {
  readonly table: TableRef;
  readonly columns: readonly ColumnFacts[];
}

/** Conditions that cannot hold, or cannot fail, for a reason that no row changes. */
export function checkEvents(rule: TableRule): PreflightProblem[] {
  const { id, on, condition } = rule;
  const has = (...events: readonly RuleEvent[]): boolean => events.some((event) => on.has(event));
  const subject = id;
  const idle = (why: string): PreflightProblem => ({
    code: 'UNSTALE_RULE_IDLE',
    severity: 'warning',
    subject,
    message: `${id} never reacts to a row: ${why}.`,
  });
  if (!has('insert', 'update', 'delete')) {
    const without =
      rule.lookup === undefined && condition === undefined
        ? ''
        : ', and its lookup and conditions count for rows only';
    return [
      {
        severity: 'info',
        subject,
        message: `${id} reacts to TRUNCATE and the like alone, by removing all of its keys${without}.`,
      },
    ];
  }
  if (condition === undefined) return [];
  const { changed = [], old = [], new: current = [] } = condition;
  if (hasTests(old) && !has('update', 'delete'))
    return [idle('where.old asks for an old row, which an insert does not have')];
  if (hasTests(current) && !has('update', 'insert'))
    return [idle('where.new asks for a new row, which a delete does not have')];
  if (hasTests(old) && hasTests(current) && !has('update'))
    return [idle('only an update has an old and a new row')];
  if (changed.length > 0 && !has('update')) {
    const message = `${id}: when counts for updates, to which the rule does not react.`;
    return [{ severity: 'info', subject, message }];
  }
  return [];
}

/** Tests that the types of a table's columns decide, and columns in `when` that are worth a word. */
export function checkConditions(
  rule: TableRule,
  known: KnownTable,
  limits: ServerLimits,
): PreflightProblem[] {
  const { condition } = rule;
  if (condition === undefined) return [];
  const problems: PreflightProblem[] = checkChanged(rule.id, condition, known);
  const tested = [condition.image, condition.old, condition.new].flatMap((image) => image ?? []);
  for (const { column: name, tests } of tested) {
    const column = columnNamed(known.columns, name);
    if (column === undefined) continue;
    for (const test of tests) {
      const judgement = judgeTest(column, test, limits);
      if (judgement !== undefined) problems.push(describe(rule.id, known.table, column, judgement));
    }
  }
  return problems;
}

function describe(
  id: string,
  table: TableRef,
  column: ColumnFacts,
  { holds, because }: TestJudgement,
): PreflightProblem {
  const subject = `${formatTable(table)}.${column.name}`;
  const why = `${column.name} is ${shorten(column.columnType)}, and ${because}`;
  switch (holds) {
    case 'never': {
      const message = `${id} never reacts to a row of ${formatTable(table)}: ${why}.`;
      return { code: 'UNSTALE_RULE_IDLE', severity: 'warning', subject, message };
    }
    case 'always': {
      const message = `${id}: the condition on ${column.name} holds for every row of ${formatTable(table)}: ${why}.`;
      return { code: 'UNSTALE_RULE_IDLE', severity: 'info', subject, message };
    }
    case 'partly': {
      const message = `${id}: a value of the condition on ${column.name} has no effect: ${why}.`;
      return { code: 'UNSTALE_RULE_IDLE', severity: 'info', subject, message };
    }
  }
}

function checkChanged(id: string, { changed = [] }: RuleCondition, known: KnownTable): PreflightProblem[] {
  return changed.flatMap((name): PreflightProblem[] => {
    const column = columnNamed(known.columns, name);
    if (column === undefined) return [];
    const subject = `${formatTable(known.table)}.${column.name}`;
    if (column.generated === true) {
      const message = `${id} reacts when ${column.name} changes, which is computed from other columns.`;
      return [{ severity: 'info', subject, message }];
    }
    if (column.inPrimaryKey) {
      const message = `${id} reacts to updates that change ${column.name}, which is in the primary key: few do.`;
      return [{ severity: 'info', subject, message }];
    }
    return [];
  });
}

/** A long ENUM is cut. */
function shorten(columnType: string): string {
  const text = columnType.replace(/^[a-z]+/i, (name) => name.toUpperCase());
  return text.length > 60 ? `${text.slice(0, 60)}…` : text;
}
