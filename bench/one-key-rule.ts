import type { TableRef } from '../src/change/table.ts';
import { ALL_EVENTS } from '../src/mapping/rule.ts';
import type { TableRule } from '../src/mapping/rule.ts';
import { parseTemplate } from '../src/mapping/template.ts';

/** A rule with one key, as the daemon has it of its configuration. */
export function oneKeyRule(id: string, table: TableRef, key: string): TableRule {
  const parsed = parseTemplate(key);
  if (!parsed.ok) throw new Error(parsed.problem);
  return {
    kind: 'table',
    id,
    tables: { kind: 'exact', table },
    on: new Set(ALL_EVENTS),
    keys: [parsed.template],
    keysFromSet: [],
    action: { kind: 'delete', guard: { kind: 'none' } },
  };
}
