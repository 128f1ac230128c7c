import type { OutboxRule } from '../mapping/rule.ts';
import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';
import type { RawRule } from './schema.ts';

/** What a rule on an outbox may hold. */
const FIELDS: ReadonlySet<string> = new Set([
  'outbox',
  'key_column',
  'prefix_column',
  'generation_column',
  'prefixes',
  'max_deletes_per_second',
]);
/** As in key templates: less stands for too large a part of a database. */
const SHORTEST_PREFIX = 2;

/** The rule on an outbox table at `path`; undefined after a problem, which is reported. */
export function resolveOutboxRule(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
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
  const prefixes = (raw.prefixes ?? []).filter((text) => text !== null);
  for (const [index, text] of prefixes.entries()) {
    if (text.length >= SHORTEST_PREFIX) continue;
    const remedy = `write at least ${SHORTEST_PREFIX} characters`;
    document.report([...path, 'prefixes', index], 'stands for too many keys', remedy);
  }
  if (raw.outbox === undefined) return undefined;
  return {
    kind: 'outbox',
    id: document.idOf(path),
    table: raw.outbox,
    ...(key === undefined ? {} : { keyColumn: key }),
    ...(prefix === undefined ? {} : { prefixColumn: prefix }),
    ...(generation === undefined ? {} : { generationColumn: generation }),
    prefixes,
    ...limitOf(raw),
  };
}

/** The rule's own limit of deletes, if it has one. */
export function limitOf(raw: RawRule): { readonly maxDeletesPerSecond?: number } {
  const limit = raw.max_deletes_per_second;
  return limit === undefined ? {} : { maxDeletesPerSecond: limit };
}
