import type { RowChange } from '../../change/row-change.ts';
import type { TableInterest, TableRef } from '../../change/table.ts';
import { formatTable } from '../../change/table.ts';
import type { SqlClient } from '../../pipeline/ports.ts';
import { compileCascades } from '../cascades/cascade-plan.ts';
import type { ForeignKeyCascade } from '../cascades/foreign-key.ts';
import { readCascades } from '../cascades/read-cascades.ts';
import type { ServerFacts } from '../server-facts.ts';
import type { Account } from './privileges.ts';
import { quoteTable } from './problem.ts';
import type { PreflightProblem } from './problem.ts';

/** Mapped tables whose rows change by cascade without a trace in the binlog, where that costs more than their keys. */
export async function checkCascades(
  client: SqlClient,
  server: ServerFacts,
  tables: readonly TableInterest[],
  account: Account,
): Promise<readonly PreflightProblem[]> {
  const { cascades, hidden } = await readCascades(client, server, async () =>
    tables.map(({ table }) => table),
  );
  return [
    ...findWideCascades(cascades, tables).map(describeWide),
    ...hidden.map((table) => describeHidden(table, account)),
  ];
}

/** A mapped table of which a cascade removes every key, because columns of its keys do not follow from the parent. */
export interface WideCascade {
  readonly child: TableRef;
  /** Tables whose changes cascade to it. */
  readonly parents: readonly TableRef[];
  /** The columns of its keys that do not follow. */
  readonly open: readonly string[];
}

/** Finds them by looking at what a change of each parent would bring about. */
export function findWideCascades(
  cascades: readonly ForeignKeyCascade[],
  mapped: readonly TableInterest[],
): readonly WideCascade[] {
  const plan = compileCascades(cascades, mapped);
  const found = new Map<TableRef, { readonly parents: Set<TableRef>; readonly open: Set<string> }>();
  for (const { table, columns } of plan.interests) {
    const row = (value: number): number[] => columns.map(() => value);
    const changes: RowChange[] = [
      { op: 'delete', table, before: row(1) },
      { op: 'update', table, before: row(1), after: row(2) },
    ];
    for (const change of changes) {
      plan.expand(change, (brought) => {
        const image = 'before' in brought ? brought.before : brought.after;
        const keyColumns = mapped.find((interest) => interest.table === brought.table)?.columns ?? [];
        const open = keyColumns.filter((_, index) => image[index] === undefined);
        if (open.length === 0) return;
        const wide = found.get(brought.table) ?? { parents: new Set(), open: new Set() };
        found.set(brought.table, wide);
        wide.parents.add(table);
        for (const column of open) wide.open.add(column);
      });
    }
  }
  return Array.from(found, ([child, { parents, open }]) => ({
    child,
    parents: [...parents],
    open: [...open],
  }));
}

function describeWide({ child, parents, open }: WideCascade): PreflightProblem {
  const name = formatTable(child);
  const from = parents.map(formatTable).join(', ');
  return {
    code: 'UNSTALE_CASCADE_UNLOGGED',
    severity: 'warning',
    subject: name,
    message:
      `Rows of ${name} change by foreign keys when ${from} changes, and this server does not log such changes. ` +
      `Templates with ${open.join(', ')} have no key that follows from the parent's row: every key that they can ` +
      'produce is removed instead. A template of the foreign key columns alone, of an integer type, is exact; or ' +
      `change the rows of ${name} in the application.`,
  };
}

function describeHidden(table: TableRef, account: Account): PreflightProblem {
  const name = formatTable(table);
  return {
    code: 'UNSTALE_CASCADE_UNLOGGED',
    severity: 'warning',
    subject: name,
    message:
      `The account may not see the definition of ${name}, so foreign keys that change its rows are not known, ` +
      'and this server does not log what they change: keys that depend on these rows stay stale.',
    fix: `GRANT SELECT ON ${quoteTable(table.schema, table.table)} TO ${account.name}`,
  };
}
