import type { RuleLookup } from '../mapping/rule.ts';
import { templateLookups } from '../mapping/template.ts';
import type { KeyTemplate } from '../mapping/template.ts';
import type { LookupsConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { parseLookupSql } from './lookup-sql.ts';
import type { Path } from './path.ts';
import type { RuleTemplates } from './rule-combinations.ts';
import type { RawRule } from './schema.ts';

/** The lookup of the rule at `path`; undefined if it has none, or after a problem, which is reported. */
export function resolveLookup(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
  templates: RuleTemplates,
  defaults: LookupsConfig | undefined,
): RuleLookup | undefined {
  const lookupPath = [...path, 'lookup'];
  const { keys, keysFromSet, generation } = templates;
  const named = [...keys, ...keysFromSet];
  const counters = generation === undefined ? [] : [generation];
  // Beside keys, the generation only stands for all of them.
  const made = named.length > 0 ? named : counters;
  const madePath = pathOf(document, path);
  if (!document.has(lookupPath)) {
    if (document.has([...path, 'max_keys'])) {
      document.report([...path, 'max_keys'], 'has no effect without lookup', 'remove it', { key: true });
    }
    if ([...named, ...counters].some(isOfLookup)) {
      const place = made.some(isOfLookup) ? madePath : [...path, 'generation'];
      document.report(place, 'names a lookup that the rule does not have', 'write lookup: SELECT ...');
    }
    return undefined;
  }
  // Two sources in one key would have to be joined; the query can give what the row has.
  if (made.some(isOfRow)) {
    const remedy = 'select it in the lookup: SELECT id, :region AS region ..., and write {lookup.region}';
    document.report(madePath, 'names a column of the row, or its table, beside a lookup', remedy);
  } else if (!made.every(isOfLookup)) {
    // It would go with each row of a result, and stay where there is none.
    const remedy = 'write for example product:{lookup.id}, and other keys in a rule of their own';
    const place = keys.length > 0 && keys.every(isOfLookup) ? [...path, 'keys_from_set'] : madePath;
    document.report(place, "names no column of the lookup's result", remedy);
  }
  if (raw.lookup === undefined || defaults === undefined) return undefined;
  const parsed = parseLookupSql(raw.lookup);
  if (!parsed.ok) {
    document.report(lookupPath, parsed.message, parsed.remedy);
    return undefined;
  }
  const { timeout, cache, maxKeys } = defaults;
  return { ...parsed.value, maxKeys: raw.max_keys ?? maxKeys, timeout, cache };
}

function pathOf(document: ConfigDocument, path: Path): Path {
  const fields = ['keys', 'key', 'keys_from_set', 'generation'].map((name) => [...path, name]);
  return fields.find((field) => document.has(field)) ?? [...path, 'key'];
}

function isOfLookup(template: KeyTemplate): boolean {
  return templateLookups(template).length > 0;
}

function isOfRow({ parts }: KeyTemplate): boolean {
  return parts.some((part) => part.kind === 'value' && part.ref.kind !== 'lookup');
}
