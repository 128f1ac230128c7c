import { text } from '../binlog/preflight/catalog.ts';
import { columnNamed } from '../binlog/preflight/column-type.ts';
import { quoteTable } from '../binlog/preflight/problem.ts';
import type { PreflightProblem } from '../binlog/preflight/problem.ts';
import { formatTable } from '../change/table.ts';
import type { OutboxRule } from '../mapping/rule.ts';
import type { SqlClient } from '../pipeline/ports.ts';
import type { KnownTable } from './check-conditions.ts';

const TEXT_TYPES: ReadonlySet<string> = new Set([
  'char',
  'varchar',
  'tinytext',
  'text',
  'mediumtext',
  'longtext',
]);

/**
 * What may surprise about an outbox that exists: its columns, its engine, and what becomes of a gap.
 * @throws UnstaleError of the client
 */
export async function checkOutbox(
  client: SqlClient,
  rule: OutboxRule,
  known: KnownTable,
): Promise<PreflightProblem[]> {
  const name = formatTable(rule.table);
  return [
    ...checkColumns(rule, known),
    ...(await checkEngine(client, rule)),
    ...(rule.prefixes.length === 0
      ? [
          {
            severity: 'info',
            subject: rule.id,
            message: `${rule.id} has no prefixes: keys that rows of ${name} named in a lost part of the binlog stay stale.`,
          } as const,
        ]
      : []),
  ];
}

function checkColumns(rule: OutboxRule, { columns }: KnownTable): PreflightProblem[] {
  const { table, keyColumn, prefixColumn, generationColumn } = rule;
  return [keyColumn, prefixColumn, generationColumn].flatMap((name): PreflightProblem[] => {
    const column = name === undefined ? undefined : columnNamed(columns, name);
    if (column === undefined || TEXT_TYPES.has(column.dataType)) return [];
    return [
      {
        code: 'UNSTALE_COLUMN_TYPE',
        severity: 'warning',
        subject: `${formatTable(table)}.${column.name}`,
        message: `${formatTable(table)}.${column.name} is ${column.columnType.toUpperCase()}, where ${rule.id} expects names of keys: use VARCHAR.`,
      },
    ];
  });
}

async function checkEngine(client: SqlClient, { table, id }: OutboxRule): Promise<PreflightProblem[]> {
  const [row] = await client.query(
    'SELECT t.ENGINE AS engine, e.TRANSACTIONS AS transactions FROM information_schema.TABLES t ' +
      'LEFT JOIN information_schema.ENGINES e ON e.ENGINE = t.ENGINE WHERE t.TABLE_SCHEMA = ? AND t.TABLE_NAME = ?',
    [table.schema, table.table],
  );
  const name = formatTable(table);
  const engine = row === undefined ? '' : text(row, 'engine');
  if (row === undefined || engine === '' || engine.toUpperCase() === 'BLACKHOLE') return [];
  if (text(row, 'transactions') !== 'YES') {
    return [
      {
        code: 'UNSTALE_OUTBOX_ENGINE',
        severity: 'warning',
        subject: name,
        message: `The engine of ${name} is ${engine}, which has no transactions: its rows are logged apart from the transaction that writes them, so keys may go before its changes can be read.`,
        fix: `ALTER TABLE ${quoteTable(table.schema, table.table)} ENGINE = InnoDB`,
      },
    ];
  }
  const message = `${id}: the rows of ${name} stay until somebody deletes them; with ENGINE = BLACKHOLE they are in the binlog and nowhere else.`;
  return [{ severity: 'info', subject: name, message }];
}
