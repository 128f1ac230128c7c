import { ALL_EVENTS } from '../mapping/rule.ts';
import type { TableRule } from '../mapping/rule.ts';
import { parseTemplate } from '../mapping/template.ts';
import type { KeyTemplate, TemplateOptions } from '../mapping/template.ts';
import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';
import { resolveAction } from './resolve-action.ts';
import type { RuleDefaults } from './resolve-rules.ts';
import { resolveCondition } from './resolve-condition.ts';
import { resolveLookup } from './resolve-lookup.ts';
import { limitOf } from './resolve-outbox-rule.ts';
import { resolveRedelete } from './resolve-redelete.ts';
import { checkCombinations } from './rule-combinations.ts';
import type { RawRule } from './schema.ts';

/** Fields that only a rule on an outbox has. */
const OUTBOX_FIELDS = ['key_column', 'prefix_column', 'generation_column', 'prefixes'];

/** The rule on tables at `path`; undefined after a problem, which is reported. */
export function resolveTableRule(
  document: ConfigDocument,
  path: Path,
  raw: RawRule,
  { lookups, guards }: RuleDefaults,
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
  const lookup = resolveLookup(document, path, raw, { keys, keysFromSet, generation }, lookups);
  checkCombinations(document, path, { keys, keysFromSet, generation });
  const on = resolveOn(document, path, raw);
  const condition = resolveCondition(document, path);
  const action = resolveAction(document, path, raw, guards);
  const redelete = resolveRedelete(document, path, raw);
  if (action === undefined) return undefined;
  if (raw.table === undefined || keys.length + keysFromSet.length === 0) {
    if (raw.table === undefined || generation === undefined) return undefined;
  }
  return {
    kind: 'table',
    id: document.idOf(path),
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
    action,
    ...(redelete === undefined ? {} : { redelete }),
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
  const templates = new Map<string, KeyTemplate>();
  for (const [textPath, text] of texts) {
    const template = resolveTemplate(document, textPath, text ?? undefined, options);
    if (template === undefined) continue;
    if (templates.has(template.text)) {
      document.report(textPath, 'the template stands twice in the rule', 'remove one of the two');
    } else {
      templates.set(template.text, template);
    }
  }
  return [...templates.values()];
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
