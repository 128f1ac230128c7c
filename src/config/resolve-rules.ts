import { canonicalRule } from '../mapping/rule.ts';
import type { Rule } from '../mapping/rule.ts';
import type { LookupsConfig } from './config.ts';
import type { ConfigDocument } from './document.ts';
import type { GuardDefaults } from './resolve-action.ts';
import { resolveOutboxRule } from './resolve-outbox-rule.ts';
import { resolveTableRule } from './resolve-table-rule.ts';
import type { RawConfig } from './schema.ts';

/** The rules of one file. */
export interface RuleList {
  readonly document: ConfigDocument;
  readonly raw: RawConfig['rules'];
}

/** What rules leave to the rest of the configuration. */
export interface RuleDefaults {
  readonly lookups: LookupsConfig | undefined;
  readonly guards: GuardDefaults;
}

/** The rules that are complete and correct, in the order of the lists; what is wrong with the others is reported. */
export function resolveRules(lists: readonly RuleList[], defaults: RuleDefaults): Rule[] {
  const rules: Rule[] = [];
  const seen = new Map<string, string>();
  for (const { document, raw } of lists) {
    for (const [index, rawRule] of (raw ?? []).entries()) {
      if (rawRule === null) continue;
      const path = ['rules', index];
      const rule = document.has([...path, 'outbox'])
        ? resolveOutboxRule(document, path, rawRule, defaults.guards)
        : resolveTableRule(document, path, rawRule, defaults);
      if (rule === undefined) continue;
      const canonical = canonicalRule(rule);
      const twin = seen.get(canonical);
      if (twin === undefined) seen.set(canonical, rule.id);
      else document.report(path, `does the same as ${twin}`, 'remove one of the two');
      rules.push(rule);
    }
  }
  return rules;
}

/** Whether a file lists no rule at all, not even an incorrect one. */
export function hasNoRules(document: ConfigDocument): boolean {
  const node = document.at(['rules']);
  return node === undefined || (node.kind === 'list' && node.items.length === 0);
}
