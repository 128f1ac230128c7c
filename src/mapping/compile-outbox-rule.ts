import { deleteOf } from '../change/command.ts';
import type { CacheCommand } from '../change/command.ts';
import type { ColumnValue } from '../change/row-change.ts';
import { guardWithoutVersion } from './guard.ts';
import { globLiteral } from './glob-literal.ts';
import type { MapRow } from './plan.ts';
import type { OutboxRule } from './rule.ts';

/**
 * Compiles an outbox rule: what new rows name. A REPLACE is an update in the binlog, so updates count too. The application
 * may delete its rows as it likes.
 *
 * @param columns what row images of the table hold
 * @param everything what is done for a row that cannot be read
 */
export function compileOutboxRule(
  rule: OutboxRule,
  columns: readonly string[],
  everything: () => readonly CacheCommand[],
): MapRow {
  const { id } = rule;
  const guard = guardWithoutVersion(rule.guard);
  const guarded = guard === undefined ? {} : ({ guarded: true } as const);
  const named: { readonly index: number; readonly commandOf: (name: string) => CacheCommand }[] = [];
  const add = (column: string | undefined, commandOf: (name: string) => CacheCommand): void => {
    if (column !== undefined) named.push({ index: columns.indexOf(column), commandOf });
  };
  add(rule.keyColumn, (key) => deleteOf(key, id, guard));
  add(rule.prefixColumn, (prefix) => ({
    kind: 'scope',
    pattern: `${globLiteral(prefix)}*`,
    members: false,
    ...guarded,
    reason: 'outbox',
    rule: id,
  }));
  add(rule.generationColumn, (key) => ({ kind: 'generation', key, rule: id }));
  return (change, out) => {
    if (change.op === 'delete') return;
    let empty = true;
    for (const { index, commandOf } of named) {
      const name = nameIn(change.after[index]);
      if (name === null) continue;
      empty = false;
      if (name === undefined) out.commands.push(...everything());
      else out.commands.push(commandOf(name));
    }
    if (empty) out.nullKeys += 1;
  };
}

/** Null for none: an empty prefix would stand for the whole database. */
function nameIn(value: ColumnValue): string | null | undefined {
  if (value === null || value === '') return null;
  if (typeof value === 'string') return value;
  return typeof value === 'number' ? String(value) : undefined;
}
