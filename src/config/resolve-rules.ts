import { ALL_OPERATIONS, canonicalRule } from '../mapping/rule.ts';
import type { Rule } from '../mapping/rule.ts';
import { parseTemplate, templateLookups } from '../mapping/template.ts';
import type { KeyTemplate } from '../mapping/template.ts';
import type { ConfigDocument } from './document.ts';
import { formatPath } from './path.ts';
import type { Path } from './path.ts';
import { resolveCondition } from './resolve-condition.ts';
import type { RawConfig, RawRule } from './schema.ts';

/** The rules that are complete and correct; what is wrong with the others is reported. */
export function resolveRules(document: ConfigDocument, raw: RawConfig['rules']): Rule[] {
  const node = document.at(['rules']);
  if (node === undefined || (node.kind === 'list' && node.items.length === 0)) {
    const remedy = 'write for example rules: [{table: shop.users, key: "user:{id}"}]';
    document.report(['rules'], 'there are no rules', remedy);
  }
  const rules: Rule[] = [];
  const seen = new Map<string, string>();
  for (const [index, rawRule] of (raw ?? []).entries()) {
    if (rawRule === null) continue;
    const path = ['rules', index];
    const rule = resolveRule(document, path, rawRule);
    if (rule === undefined) continue;
    const canonical = canonicalRule(rule);
    const twin = seen.get(canonical);
    if (twin === undefined) seen.set(canonical, rule.id);
    else document.report(path, `does the same as ${twin}`, 'remove one of the two');
    rules.push(rule);
  }
  return rules;
}

function resolveRule(document: ConfigDocument, path: Path, raw: RawRule): Rule | undefined {
  // A rule of a kind that is not available yet has other fields; it is reported as such.
  const otherKind = ['outbox', 'generation'].some((name) => document.has([...path, name]));
  if (!otherKind && !document.has([...path, 'table'])) {
    document.report([...path, 'table'], 'the rule names no table', 'write table: schema.table');
  }
  const keys = resolveKeys(document, path, raw, otherKind);
  const on = resolveOn(document, path, raw);
  const condition = resolveCondition(document, path);
  if (raw.table === undefined || keys.length === 0) return undefined;
  const id = formatPath(path);
  const rule = { id, table: raw.table, keys, on, action: 'delete' } as const;
  return condition === undefined ? rule : { ...rule, condition };
}

function resolveKeys(document: ConfigDocument, path: Path, raw: RawRule, otherKind: boolean): KeyTemplate[] {
  const keyPath = [...path, 'key'];
  const keysPath = [...path, 'keys'];
  const list = document.at(keysPath);
  if (document.has(keyPath) && list !== undefined) {
    document.report(keysPath, 'key and keys exclude each other', 'write all templates in keys', {
      key: true,
    });
  } else if (!otherKind && !document.has(keyPath) && list === undefined) {
    document.report(
      keyPath,
      'the rule names no key',
      'write for example key: user:{id}, or keys with a list',
    );
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
    if (text === undefined || text === null) continue;
    const parsed = parseTemplate(text);
    if (!parsed.ok) {
      document.report(textPath, parsed.problem, parsed.remedy, { offset: parsed.offset });
    } else if (templateLookups(parsed.template).length > 0) {
      document.report(
        textPath,
        'lookups are not available in this version',
        'make the key of columns of the changed row',
      );
    } else if (templates.some((template) => template.text === text)) {
      document.report(textPath, 'the template stands twice in the rule', 'remove one of the two');
    } else {
      templates.push(parsed.template);
    }
  }
  return templates;
}

function resolveOn(document: ConfigDocument, path: Path, raw: RawRule): Rule['on'] {
  const onPath = [...path, 'on'];
  const list = document.at(onPath);
  if (list?.kind === 'list' && list.items.length === 0) {
    document.report(
      onPath,
      'the list is empty',
      'remove it for all operations, or write for example [update]',
    );
  }
  return new Set(raw.on?.filter((op) => op !== null) ?? ALL_OPERATIONS);
}
