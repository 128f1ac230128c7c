import { ALL_EVENTS } from '../mapping/rule.ts';
import type { RuleLookup, TableRule } from '../mapping/rule.ts';
import { parseTemplate, templateColumns, templateLookups } from '../mapping/template.ts';
import type { KeyTemplate, TemplateOptions } from '../mapping/template.ts';
import type { LookupsConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import { parseLookupSql } from './lookup-sql.ts';
import { formatPath } from './path.ts';
import type { Path } from './path.ts';
import { resolveCondition } from './resolve-condition.ts';
import { limitOf } from './resolve-outbox-rule.ts';
import type { RawRule } from './schema.ts';

/** Fields that only a rule on an outbox has. */
const OUTBOX_FIELDS = ['key_column', 'prefix_column', 'generation_column', 'prefixes'];

/** The rule on tables at `path`; undefined after a problem, which is reported. */
export function resolveTableRule(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
  lookups: LookupsConfig | undefined,
): TableRule | undefined {
  if (!document.has([...path, 'table'])) {
    document.report([...path, 'table'], 'the rule names no table', 'write table: schema.table');
  }
  for (const name of OUTBOX_FIELDS) {
    if (!document.has([...path, name])) continue;
    document.report([...path, name], 'belongs to an outbox', 'write outbox: schema.table, or remove it', {
      key: true,
    });
  }
  const generation = resolveTemplate(document, [...path, 'generation'], raw.generation, {
    constant: true,
    needsPrefix: false,
  });
  const options = { needsPrefix: generation === undefined };
  const keys = resolveKeys(document, path, raw, options);
  const fromSet = resolveTemplate(document, [...path, 'keys_from_set'], raw.keys_from_set, {
    ...options,
    constant: true,
  });
  const keysFromSet = fromSet === undefined ? [] : [fromSet];
  const lookup = resolveLookup(document, path, raw, [...keys, ...keysFromSet], lookups);
  if (generation !== undefined) {
    const hasKeys = ['key', 'keys', 'keys_from_set'].some((name) => document.has([...path, name]));
    checkGeneration(document, [...path, 'generation'], generation, {
      hasKeys,
      hasLookup: document.has([...path, 'lookup']),
    });
  }
  const on = resolveOn(document, path, raw);
  const condition = resolveCondition(document, path);
  if (raw.table === undefined || keys.length + keysFromSet.length === 0) {
    if (raw.table === undefined || generation === undefined) return undefined;
  }
  return {
    kind: 'table',
    id: formatPath(path),
    tables: raw.table,
    on,
    ...(condition === undefined ? {} : { condition }),
    keys,
    keysFromSet,
    ...(generation === undefined ? {} : { generation }),
    ...(lookup === undefined ? {} : { lookup }),
    ...(raw.max_keys_per_transaction === undefined
      ? {}
      : { maxKeysPerTransaction: raw.max_keys_per_transaction }),
    ...limitOf(raw),
    action: 'delete',
  };
}

function resolveKeys(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
  options: TemplateOptions,
): KeyTemplate[] {
  const keyPath = [...path, 'key'];
  const keysPath = [...path, 'keys'];
  const list = document.at(keysPath);
  const others = ['generation', 'keys_from_set'].some((name) => document.has([...path, name]));
  if (document.has(keyPath) && list !== undefined) {
    document.report(keysPath, 'key and keys exclude each other', 'write all templates in keys', {
      key: true,
    });
  } else if (!others && !document.has(keyPath) && list === undefined) {
    const remedy = 'write for example key: user:{id}, or keys with a list';
    document.report(keyPath, 'the rule names no key', remedy);
  }
  if (list?.kind === 'list' && list.items.length === 0) {
    document.report(keysPath, 'the list is empty', 'write at least one template such as "user:{id}"');
  }
  const texts: [Path, string | null | undefined][] = [
    [keyPath, raw.key],
    ...(raw.keys ?? []).map((text, index): [Path, string | null] => [[...keysPath, index], text]),
  ];
  const templates: KeyTemplate[] = [];
  for (const [textPath, text] of texts) {
    const template = resolveTemplate(document, textPath, text ?? undefined, options);
    if (template === undefined) continue;
    if (templates.some((other) => other.text === template.text)) {
      document.report(textPath, 'the template stands twice in the rule', 'remove one of the two');
    } else {
      templates.push(template);
    }
  }
  return templates;
}

function resolveTemplate(
  document: ConfigDocument,
  path: Path,
  text: string | undefined,
  options: TemplateOptions,
): KeyTemplate | undefined {
  if (text === undefined) return undefined;
  const parsed = parseTemplate(text, options);
  if (parsed.ok) return parsed.template;
  document.report(path, parsed.problem, parsed.remedy, { offset: parsed.offset });
  return undefined;
}

function resolveLookup(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
  templates: readonly KeyTemplate[],
  defaults: LookupsConfig | undefined,
): RuleLookup | undefined {
  const lookupPath = [...path, 'lookup'];
  const keyPath = document.has([...path, 'keys']) ? [...path, 'keys'] : [...path, 'key'];
  if (!document.has(lookupPath)) {
    if (document.has([...path, 'max_keys'])) {
      document.report([...path, 'max_keys'], 'has no effect without lookup', 'remove it', { key: true });
    }
    if (templates.some((template) => templateLookups(template).length > 0)) {
      document.report(keyPath, 'names a lookup that the rule does not have', 'write lookup: SELECT ...');
    }
    return undefined;
  }
  // Two sources in one key would have to be joined; the query can give what the row has.
  if (templates.some((template) => templateColumns(template).length > 0)) {
    const remedy = 'select it in the lookup: SELECT id, :region AS region ..., and write {lookup.region}';
    document.report(keyPath, 'names a column of the row beside a lookup', remedy);
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

/** A counter that stands for keys has to exist for each of them; alone, it comes from where keys would come from. */
function checkGeneration(
  document: ConfigDocument,
  path: Path,
  generation: KeyTemplate,
  { hasKeys, hasLookup }: { readonly hasKeys: boolean; readonly hasLookup: boolean },
): void {
  if (templateLookups(generation).length > 0 && !hasLookup) {
    document.report(path, 'names a lookup that the rule does not have', 'write lookup: SELECT ...');
  }
  if (!hasKeys) {
    if (!hasLookup || templateColumns(generation).length === 0) return;
    const remedy = 'select it in the lookup: SELECT :region AS region ..., and write {lookup.region}';
    document.report(path, 'names a column of the row beside a lookup', remedy);
    return;
  }
  const nullable = generation.parts.find(
    (part) =>
      part.kind === 'value' &&
      (part.ref.kind === 'column' || part.ref.kind === 'lookup') &&
      part.filters.every(({ kind }) => kind !== 'default'),
  );
  if (nullable === undefined) return;
  const problem = 'gives no counter for a row with NULL, whose keys would be left';
  document.report(path, problem, 'write {column|default:none}, or a counter for all rows');
}

function resolveOn(document: ConfigDocument, path: Path, raw: RawRule): TableRule['on'] {
  const onPath = [...path, 'on'];
  const list = document.at(onPath);
  if (list?.kind === 'list' && list.items.length === 0) {
    const remedy = 'remove it for all operations, or write for example [update]';
    document.report(onPath, 'the list is empty', remedy);
  }
  const events = raw.on?.filter((event) => event !== null);
  if (events === undefined) return new Set(ALL_EVENTS);
  // TRUNCATE is a delete of every row.
  return new Set(events.includes('delete') ? [...events, 'truncate'] : events);
}
