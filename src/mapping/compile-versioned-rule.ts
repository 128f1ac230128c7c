import type { CacheCommand, Guard, StorePolicy } from '../change/command.ts';
import type { RowImage } from '../change/row-change.ts';
import { binlogVersion, rowVersion } from '../change/version.ts';
import type { VersionRank, VersionToken } from '../change/version.ts';
import type { RuleTarget } from './compile-table-rule.ts';
import { compileValue } from './compile-value.ts';
import { columnIndex, compileCertainty } from './condition.ts';
import { compileKey } from './key.ts';
import type { MappingOutput, MapRow } from './plan.ts';
import type { RuleAction, TableRule, VersionSource } from './rule.ts';
import { ruleScopes } from './rule-scopes.ts';
import { valueFields } from './value-template.ts';

/** Whether each key's command carries a version of its row. */
export function versionOf(action: RuleAction): VersionSource | undefined {
  if (action.kind === 'update') return action.version;
  return action.guard.kind === 'version' ? { kind: 'column', column: action.guard.column } : undefined;
}

/** The columns of the values that a rule stores. */
export function storedColumns(action: RuleAction): readonly string[] {
  return action.kind === 'update' ? valueFields(action.value).map(({ column }) => column) : [];
}

/**
 * Compiles the keys of a rule whose commands carry versions. The key that a row leaves is removed as one of a deleted
 * row of the old version; the key that a row has now is removed, or updated, at the new one.
 *
 * What cannot be told for certain is never stored: the key goes instead, at least.
 */
export function mapVersioned(rule: TableRule, version: VersionSource, target: RuleTarget): MapRow {
  const { table, columns } = target;
  const versionFrom = versionFunction(version, columns);
  const hold = rule.action.kind === 'update' ? rule.action.replicaHold : holdOf(rule.action.guard);
  const present = presentFunction(rule, target, removal);
  const templates = rule.keys.map((template) => ({
    keyOf: compileKey(template, { table, columns }),
    unreadable: ruleScopes({ ...rule, keys: [template], keysFromSet: [] }, table, 'unreadable'),
  }));

  function removal(key: string, token: VersionToken | undefined): CacheCommand {
    const guard: Guard = { kind: 'marker', holdMs: hold, ...(token === undefined ? {} : { version: token }) };
    return { kind: 'delete', key, rule: rule.id, guard };
  }

  return (change, out) => {
    for (const { keyOf, unreadable } of templates) {
      const old = change.op === 'insert' ? null : keyOf(change.before);
      const current = change.op === 'delete' ? null : keyOf(change.after);
      if (old === undefined || current === undefined) out.commands.push(...unreadable);
      if (change.op !== 'insert' && typeof old === 'string' && old !== current)
        out.commands.push(removal(old, versionFrom(change.before, 'deleted', out)));
      if (change.op !== 'delete' && typeof current === 'string')
        out.commands.push(present(current, change.after, versionFrom(change.after, 'row', out)));
      if (old === null && change.op !== 'insert') out.nullKeys += 1;
      if (current === null && change.op !== 'delete') out.nullKeys += 1;
    }
  };
}

function holdOf(guard: Extract<RuleAction, { kind: 'delete' }>['guard']): number {
  return guard.kind === 'none' ? 0 : guard.replicaHold;
}

type Removal = (key: string, version: VersionToken | undefined) => CacheCommand;
type Present = (key: string, image: RowImage, version: VersionToken | undefined) => CacheCommand;

/** What becomes of the key of a row that is there. */
function presentFunction(rule: TableRule, { columns }: RuleTarget, removal: Removal): Present {
  const { id, action, condition } = rule;
  if (action.kind === 'delete') return (key, _, version) => removal(key, version);
  const valueOf = compileValue(action.value, columns);
  // A row that has left the condition is none that the application would cache.
  const satisfies = compileCertainty(condition?.image ?? [], columns);
  const policy: StorePolicy = {
    form: action.value.form === 'hash' ? 'hash' : 'string',
    ttlMs: action.ttl,
    ttlJitter: action.ttlJitter,
    create: action.create,
  };
  return (key, image, version) => {
    const value = version === undefined || !satisfies(image) ? undefined : valueOf(image);
    if (value === undefined || value === null || version === undefined) return removal(key, version);
    return { kind: 'update', key, rule: id, version, value, policy };
  };
}

/** The version of a row image, or of the change itself. */
function versionFunction(
  source: VersionSource,
  columns: readonly string[],
): (image: RowImage, rank: VersionRank, out: MappingOutput) => VersionToken | undefined {
  if (source.kind === 'binlog') {
    return (_, rank, { place }) => (place === undefined ? undefined : binlogVersion(place, rank));
  }
  const index = columnIndex(columns, source.column);
  return (image, rank) => rowVersion(image[index], rank);
}
