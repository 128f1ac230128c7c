import type { ImageCondition, RuleCondition } from '../mapping/condition.ts';
import type { Comparison } from '../mapping/condition-comparison.ts';
import { parseColumnName } from './column-name.ts';
import type { ConfigDocument } from './document.ts';
import type { ConfigNode, MapNode } from './node.ts';
import type { Path } from './path.ts';
import { isOperator, resolveTests } from './resolve-comparison.ts';

const CHANGED_EXAMPLE = 'write for example when: {changed: [email, name]}';
const WHERE_EXAMPLE = 'write for example where: {status: active}';

/**
 * The condition that `when` and `where` of the rule at `path` make; undefined if the rule has neither. What is wrong
 * with them is reported, and left out of the result.
 */
export function resolveCondition(document: ConfigDocument, path: Path): RuleCondition | undefined {
  const whenPath = [...path, 'when'];
  const wherePath = [...path, 'where'];
  const when = document.at(whenPath);
  const where = document.at(wherePath);
  if (when === undefined && where === undefined) return undefined;
  return {
    ...(when === undefined ? {} : resolveWhen(document, whenPath, when)),
    ...(where === undefined ? {} : resolveWhere(document, wherePath, where)),
  };
}

function resolveWhen(document: ConfigDocument, path: Path, node: ConfigNode): Pick<RuleCondition, 'changed'> {
  const map = requireMap(document, path, node, CHANGED_EXAMPLE);
  if (map === undefined) return {};
  for (const name of map.entries.keys()) {
    if (name === 'changed') continue;
    const remedy = 'only changed is known here; values of columns stand in where';
    document.report([...path, name], 'is an unknown field', remedy, { key: true });
  }
  const changedPath = [...path, 'changed'];
  const list = map.entries.get('changed')?.value;
  if (list === undefined || list.kind === 'invalid') return {};
  if (list.kind !== 'list') {
    document.report(changedPath, 'must be a list of columns', CHANGED_EXAMPLE);
    return {};
  }
  if (list.items.length === 0) {
    document.report(changedPath, 'the list is empty', 'name at least one column, or remove when');
  }
  const changed = new Map<string, string>();
  for (const [index, item] of list.items.entries()) {
    const itemPath = [...changedPath, index];
    if (item.kind === 'map' || item.kind === 'list') {
      document.report(itemPath, 'must be the name of a column', CHANGED_EXAMPLE);
    }
    if (item.kind !== 'scalar') continue;
    const column = resolveColumn(document, itemPath, item.text, false);
    if (column === undefined) continue;
    if (changed.has(identityOf(column))) {
      document.report(itemPath, 'stands twice in the list', 'remove one of the two');
    } else {
      changed.set(identityOf(column), column);
    }
  }
  return { changed: [...changed.values()] };
}

function resolveWhere(
  document: ConfigDocument,
  path: Path,
  node: ConfigNode,
): Pick<RuleCondition, 'image' | 'old' | 'new'> {
  const map = requireMap(document, path, node, WHERE_EXAMPLE);
  if (map === undefined) return {};
  const old = map.entries.get('old')?.value;
  const current = map.entries.get('new')?.value;
  if (old === undefined && current === undefined) return { image: resolveColumns(document, path, map) };
  for (const name of map.entries.keys()) {
    if (name === 'old' || name === 'new') continue;
    const remedy =
      'move it into old or new; if old and new are columns of the table, write "`old`" and "`new`"';
    document.report([...path, name], 'a column beside old or new', remedy, { key: true });
  }
  const [before, after] = [
    old === undefined ? undefined : resolveNamedImage(document, [...path, 'old'], old),
    current === undefined ? undefined : resolveNamedImage(document, [...path, 'new'], current),
  ];
  const tested = [old, current].some((image) => image !== undefined && !isEmptyMap(image));
  if (!tested) document.report(path, 'the condition is empty', WHERE_EXAMPLE);
  return {
    ...(before === undefined ? {} : { old: before }),
    ...(after === undefined ? {} : { new: after }),
  };
}

/** The image before or after: a map of columns, which may be empty. */
function resolveNamedImage(
  document: ConfigDocument,
  path: Path,
  node: ConfigNode,
): ImageCondition | undefined {
  if (node.kind === 'invalid') return undefined;
  if (node.kind !== 'map') {
    const name = String(path.at(-1));
    const remedy = `write ${name}: {status: active}; for a column of this name write "\`${name}\`"`;
    document.report(path, 'must be a map of columns', remedy);
    return undefined;
  }
  return resolveColumns(document, path, node);
}

function resolveColumns(document: ConfigDocument, path: Path, map: MapNode): ImageCondition {
  const image = new Map<string, { readonly column: string; readonly tests: readonly Comparison[] }>();
  for (const [name, { value }] of map.entries) {
    const columnPath = [...path, name];
    if (isOperator(name)) {
      const remedy = `write the column around it, as in age: {gte: 18}; for columns of this name, or called old or new, use backquotes: "\`${name}\`"`;
      document.report(columnPath, 'is an operator where a column is expected', remedy, { key: true });
      continue;
    }
    const column = resolveColumn(document, columnPath, name, true);
    if (column === undefined) continue;
    if (image.has(identityOf(column))) {
      document.report(columnPath, 'the column stands twice', 'keep one of the two', { key: true });
      continue;
    }
    image.set(identityOf(column), { column, tests: resolveTests(document, columnPath, value) });
  }
  return [...image.values()];
}

function resolveColumn(document: ConfigDocument, path: Path, text: string, key: boolean): string | undefined {
  const name = parseColumnName(text);
  if (name.ok) return name.value;
  document.report(path, name.message, name.remedy, { key });
  return undefined;
}

function requireMap(
  document: ConfigDocument,
  path: Path,
  node: ConfigNode,
  example: string,
): MapNode | undefined {
  if (node.kind === 'map' && node.entries.size > 0) return node;
  if (node.kind === 'map') document.report(path, 'the condition is empty', `${example}, or remove it`);
  else if (node.kind === 'empty') document.report(path, 'has no value', `${example}, or remove the field`);
  else if (node.kind !== 'invalid') document.report(path, 'must be a map', example);
  return undefined;
}

function isEmptyMap(node: ConfigNode): boolean {
  return node.kind === 'map' && node.entries.size === 0;
}

/** Names of columns do not differ by case alone. */
function identityOf(column: string): string {
  return column.toLowerCase();
}
