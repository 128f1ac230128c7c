import type { KeyTemplate } from '../mapping/template.ts';
import type { ConfigDocument } from './document.ts';
import type { Path } from './path.ts';

/** The templates of a rule on tables, by what they are for. */
export interface RuleTemplates {
  readonly keys: readonly KeyTemplate[];
  readonly keysFromSet: readonly KeyTemplate[];
  readonly generation: KeyTemplate | undefined;
}

/** Reports fields of the rule at `path` that undo each other, or do nothing. */
export function checkCombinations(document: ConfigDocument, path: Path, templates: RuleTemplates): void {
  const { keys, keysFromSet, generation } = templates;
  const deletes = new Set(keys.map(({ text }) => text));
  if (keysFromSet.some(({ text }) => deletes.has(text))) {
    const remedy = 'remove it from the keys: the set goes when the keys that it names have gone';
    document.report([...path, 'keys_from_set'], 'the set itself is a key of the rule', remedy);
  }
  const isKey = generation !== undefined && deletes.has(generation.text);
  if (isKey) {
    const remedy = 'remove it from the keys: a counter is incremented, not deleted';
    document.report([...path, 'generation'], 'the counter itself is a key of the rule', remedy);
  }
  if (generation !== undefined && keysFromSet.some(({ text }) => text === generation.text)) {
    document.report([...path, 'generation'], 'one name for a counter and a set', 'write two names');
  }
  if (generation !== undefined && !isKey && keys.length + keysFromSet.length > 0 && isNullable(generation)) {
    const problem = 'gives no counter for a row with NULL, whose keys would be left';
    const remedy = 'write {column|default:none}, or a counter for all rows';
    document.report([...path, 'generation'], problem, remedy);
  }
  if (!document.has([...path, 'key']) && !document.has([...path, 'keys'])) reportNoLimit(document, path);
}

/** Whether a row with NULL has no such name. */
function isNullable({ parts }: KeyTemplate): boolean {
  return parts.some(
    (part) =>
      part.kind === 'value' &&
      (part.ref.kind === 'column' || part.ref.kind === 'lookup') &&
      part.filters.every(({ kind }) => kind !== 'default'),
  );
}

/** Reports a limit of deletes on a rule that deletes nothing by name. */
export function reportNoLimit(document: ConfigDocument, path: Path): void {
  const limit = [...path, 'max_deletes_per_second'];
  if (!document.has(limit)) return;
  const remedy = 'remove it: sets, prefixes and generations are not limited';
  document.report(limit, 'has no effect without a key', remedy, { key: true });
}
