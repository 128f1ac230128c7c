import type { OutboxRule } from '../mapping/rule.ts';
import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';
import { resolveGuard } from './resolve-action.ts';
import type { GuardDefaults } from './resolve-action.ts';
import { reportNoLimit } from './rule-combinations.ts';
import type { RawRule } from './schema.ts';

/** What a rule on an outbox may hold. */
const FIELDS: ReadonlySet<string> = new Set([
  'outbox',
  'key_column',
  'prefix_column',
  'generation_column',
  'prefixes',
  'max_deletes_per_second',
  'guard',
  'replica_hold',
]);
/** As in key templates: less stands for too large a part of a database. */
const SHORTEST_PREFIX = 2;

/** The rule on an outbox table at `path`; undefined after a problem, which is reported. */
export function resolveOutboxRule(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
  guards: GuardDefaults,
): OutboxRule | undefined {
  const node = document.at(path);
  for (const name of node?.kind === 'map' ? node.entries.keys() : []) {
    if (FIELDS.has(name)) continue;
    document.report([...path, name], 'has no meaning for an outbox', 'remove it: the rows say what goes', {
      key: true,
    });
  }
  const { key_column: key, prefix_column: prefix, generation_column: generation } = raw;
  const names = ['key_column', 'prefix_column', 'generation_column'];
  if (!names.some((name) => document.has([...path, name]))) {
    const remedy = 'write key_column: cache_key, prefix_column or generation_column';
    document.report([...path, 'key_column'], 'the outbox has no column to read', remedy);
  }
  const seen = new Map<string, string>();
  for (const [name, column] of [
    ['key_column', key],
    ['prefix_column', prefix],
    ['generation_column', generation],
  ] as const) {
    if (column === undefined) continue;
    const other = seen.get(column.toLowerCase());
    if (other === undefined) seen.set(column.toLowerCase(), name);
    else document.report([...path, name], `is the column of ${other} too`, 'name a column for each');
  }
  if (document.has([...path, 'prefix_column']) && !document.has([...path, 'prefixes'])) {
    const remedy = 'write prefixes: ["page:"], what the prefixes in the rows begin with';
    document.report([...path, 'prefix_column'], 'needs prefixes, for rows that cannot be read', remedy, {
      key: true,
    });
  }
  if (!document.has([...path, 'key_column'])) reportNoLimit(document, path);
  const prefixes = resolvePrefixes(document, [...path, 'prefixes'], raw);
  if (raw.guard === 'version') {
    const remedy = 'write guard: lease: the rows of an outbox have no version of what they name';
    document.report([...path, 'guard'], 'has no meaning for an outbox', remedy);
  }
  // Versions that are known of a key stay with either guard.
  const guard = raw.guard === 'version' ? undefined : resolveGuard(document, path, raw, outboxGuards(guards));
  if (raw.outbox === undefined || guard === undefined || guard.kind === 'version') return undefined;
  return {
    kind: 'outbox',
    guard,
    id: document.idOf(path),
    table: raw.outbox,
    ...(key === undefined ? {} : { keyColumn: key }),
    ...(prefix === undefined ? {} : { prefixColumn: prefix }),
    ...(generation === undefined ? {} : { generationColumn: generation }),
    prefixes,
    ...limitOf(raw),
  };
}

function outboxGuards(guards: GuardDefaults): GuardDefaults {
  return guards.guard === 'version' ? { ...guards, guard: 'lease' } : guards;
}

function resolvePrefixes(document: ConfigDocument, path: Path, raw: RawRule): string[] {
  const prefixes = new Set<string>();
  for (const [index, text] of (raw.prefixes ?? []).entries()) {
    if (text === null) continue;
    if (text.length < SHORTEST_PREFIX) {
      const remedy = `write at least ${SHORTEST_PREFIX} characters`;
      document.report([...path, index], 'stands for too many keys', remedy);
    } else if (prefixes.has(text)) {
      document.report([...path, index], 'stands twice in the list', 'remove one of the two');
    }
    prefixes.add(text);
  }
  if (raw.prefixes?.length === 0) {
    const remedy = 'write for example ["page:"], or remove the field';
    document.report(path, 'the list is empty', remedy);
  }
  return [...prefixes];
}

/** The rule's own limit of deletes, if it has one. */
export function limitOf(raw: RawRule): { readonly maxDeletesPerSecond?: number } {
  const limit = raw.max_deletes_per_second;
  return limit === undefined ? {} : { maxDeletesPerSecond: limit };
}
