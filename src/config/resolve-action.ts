import type { RuleAction, RuleGuard } from '../mapping/rule.ts';
import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';
import { resolveValue } from './resolve-value.ts';
import { resolveVersion } from './resolve-version.ts';
import type { RawRule } from './schema.ts';

/** What rules do that do not say. */
export interface GuardDefaults {
  readonly guard: RuleGuard['kind'];
  /** ms; 0 for none. */
  readonly replicaHold: number;
}

/** Fields that only updates have. */
const UPDATE_FIELDS = ['value', 'ttl', 'ttl_jitter', 'create'];

/** Fields that updates cannot have, and why. */
const NOT_WITH_UPDATE: readonly (readonly [string, string, string])[] = [
  [
    'on',
    'would leave values of changes that the rule does not see',
    'remove it: an update follows every change',
  ],
  [
    'when',
    'would leave values whose other columns have changed',
    'remove it: an update follows every change',
  ],
  ['lookup', 'gives keys of other rows, whose values the changed row does not hold', 'write action: delete'],
  ['keys_from_set', 'names keys of other values', 'put it in a rule of its own, with action: delete'],
  ['generation', 'has no value to update', 'put it in a rule of its own, with action: delete'],
  ['redelete', 'would remove the values that were stored', 'remove it: versions keep older values out'],
];

/** What the rule at `path` does with its keys; undefined after a problem, which is reported. */
export function resolveAction(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
  defaults: GuardDefaults,
): RuleAction | undefined {
  if (raw.action === 'update') return resolveUpdate(document, path, raw, defaults);
  for (const name of UPDATE_FIELDS) {
    if (!document.has([...path, name])) continue;
    document.report([...path, name], 'belongs to an update', 'write action: update, or remove it', {
      key: true,
    });
  }
  const guard = resolveGuard(document, path, raw, defaults);
  return guard === undefined ? undefined : { kind: 'delete', guard };
}

/** How deletes of the rule at `path` are guarded; undefined after a problem, which is reported. */
export function resolveGuard(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
  defaults: GuardDefaults,
): RuleGuard | undefined {
  const kind = raw.guard ?? defaults.guard;
  const versionPath = [...path, 'version'];
  if (kind !== 'version' && document.has(versionPath)) {
    document.report(versionPath, 'has no effect with this guard', 'write guard: version, or remove it', {
      key: true,
    });
  }
  if (kind === 'none') {
    if (document.has([...path, 'replica_hold'])) {
      document.report(
        [...path, 'replica_hold'],
        'has no effect without a guard',
        'write guard: lease, or remove it',
        { key: true },
      );
    }
    return { kind };
  }
  const replicaHold = raw.replica_hold ?? defaults.replicaHold;
  if (kind === 'lease') return { kind, replicaHold };
  const version = resolveVersion(document, path);
  if (version === undefined) {
    if (!document.has(versionPath)) {
      const remedy = 'write version: {column: row_version}, or guard: lease';
      document.report(versionPath, 'guard: version needs the column of the version', remedy);
    }
    return undefined;
  }
  if (version.kind === 'binlog') {
    const remedy = 'write version: {column: row_version}, or guard: lease';
    document.report(versionPath, 'readers cannot know the place of a change in the binlog', remedy);
    return undefined;
  }
  return { kind, column: version.column, replicaHold };
}

function resolveUpdate(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
  defaults: GuardDefaults,
): RuleAction | undefined {
  for (const [name, problem, remedy] of NOT_WITH_UPDATE) {
    if (document.has([...path, name])) document.report([...path, name], problem, remedy, { key: true });
  }
  for (const name of ['old', 'new']) {
    if (!document.has([...path, 'where', name])) continue;
    const remedy = 'test the columns themselves: where: {status: active}';
    document.report([...path, 'where', name], 'would leave values of rows that it does not see', remedy);
  }
  if (raw.guard !== undefined && raw.guard !== 'version') {
    const remedy = 'remove it: updates are guarded by their version';
    document.report([...path, 'guard'], 'does not keep an older value from replacing a newer one', remedy);
  }
  const value = resolveValue(document, path);
  const version = resolveVersion(document, path);
  if (!document.has([...path, 'version'])) {
    const remedy = 'write version: {column: row_version}, a column that only grows';
    document.report([...path, 'version'], 'an update needs what orders the values', remedy);
  }
  if (!document.has([...path, 'ttl'])) {
    document.report([...path, 'ttl'], 'an update needs a ttl', 'write for example ttl: 10m');
  }
  const create = raw.create ?? false;
  if (version?.kind === 'binlog' && !create) {
    const remedy = 'write create: true if only the daemon writes these keys, or version: {column: …}';
    document.report([...path, 'version'], 'readers that fill keys cannot know it', remedy);
  }
  if (value === undefined || version === undefined || raw.ttl === undefined) return undefined;
  return {
    kind: 'update',
    value,
    version,
    ttl: raw.ttl,
    ttlJitter: raw.ttl_jitter ?? 0,
    create,
    replicaHold: raw.replica_hold ?? defaults.replicaHold,
  };
}
