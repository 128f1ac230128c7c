import { BOUNDS } from '../mapping/condition-comparison.ts';
import type { Bound, Comparison } from '../mapping/condition-comparison.ts';
import { isBound, isEmptyRange } from '../mapping/condition-constant.ts';
import type { ConfigDocument } from './document.ts';
import { nearestName } from '../errors/nearest-name.ts';
import type { ConfigNode, ListNode, MapNode } from './node.ts';
import type { Path } from './path.ts';

const OPERATORS = ['not', 'in', ...BOUNDS] as const;
type Operator = (typeof OPERATORS)[number];

const VALUE_ITSELF = 'write the value itself, as in status: active, or a list of values';

/** What else people write, and what to write here. */
const OTHER_SPELLINGS: ReadonlyMap<string, string> = new Map([
  ...spellings('gt', '>', 'min_exclusive'),
  ...spellings('gte', '>=', 'ge', 'min', 'from'),
  ...spellings('lt', '<', 'max_exclusive'),
  ...spellings('lte', '<=', 'le', 'max', 'to'),
  ...spellings('not', '!=', '<>', 'ne', 'neq', 'nin', 'not_in'),
  ...['=', '==', 'eq', 'is', 'equals'].map((name) => [name, VALUE_ITSELF] as const),
  ['null', 'write null itself, as in deleted_at: null'],
  ['between', 'write {gte: 18, lte: 65}'],
  ['like', 'patterns are not available: write the values'],
]);

function spellings(operator: Operator, ...names: string[]): (readonly [string, string])[] {
  return names.map((name) => [name, `did you mean ${operator}?`] as const);
}

/** Whether a name is one of those that stand where a column's operators do. */
export function isOperator(name: string): boolean {
  return OPERATORS.some((operator) => operator === name);
}

/** The tests of one column, from a value, a list, null or a map of operators; what is wrong is reported. */
export function resolveTests(document: ConfigDocument, path: Path, node: ConfigNode): Comparison[] {
  switch (node.kind) {
    case 'scalar':
      return [{ op: 'eq', value: node.text }];
    case 'empty':
      return [{ op: 'null' }];
    case 'list':
      return [{ op: 'in', values: resolveValues(document, path, node) }];
    case 'map':
      return resolveOperators(document, path, node);
    case 'invalid':
      return [];
  }
}

function resolveOperators(document: ConfigDocument, path: Path, map: MapNode): Comparison[] {
  if (map.entries.size === 0) {
    document.report(path, 'names no operator', `${VALUE_ITSELF}, or for example {gte: 18}`);
  }
  const tests: Comparison[] = [];
  for (const [name, { value }] of map.entries) {
    const operatorPath = [...path, name];
    if (name === 'not') tests.push(...resolveNot(document, operatorPath, value));
    else if (name === 'in') tests.push(...resolveIn(document, operatorPath, value));
    else if (!isOperator(name)) reportUnknown(document, operatorPath, name);
  }
  return [...tests, ...resolveRange(document, path, map)];
}

function resolveNot(document: ConfigDocument, path: Path, node: ConfigNode): Comparison[] {
  switch (node.kind) {
    case 'scalar':
      return [{ op: 'not', values: [node.text] }];
    case 'empty':
      return [{ op: 'not-null' }];
    case 'list':
      return [{ op: 'not', values: resolveValues(document, path, node) }];
    case 'map':
      document.report(path, 'must be a value, a list or null', 'turn the operators inside it around');
      return [];
    case 'invalid':
      return [];
  }
}

function resolveIn(document: ConfigDocument, path: Path, node: ConfigNode): Comparison[] {
  if (node.kind === 'list') return [{ op: 'in', values: resolveValues(document, path, node) }];
  if (node.kind !== 'invalid') document.report(path, 'must be a list', 'write for example [active, trial]');
  return [];
}

function resolveValues(document: ConfigDocument, path: Path, list: ListNode): string[] {
  if (list.items.length === 0) {
    document.report(path, 'the list is empty', 'write at least one value, or remove the column');
  }
  const values = new Set<string>();
  for (const [index, item] of list.items.entries()) {
    const itemPath = [...path, index];
    if (item.kind === 'map' || item.kind === 'list') {
      document.report(itemPath, 'must be a single value', 'write it as in [active, trial]');
    }
    // Empty items are reported with the shape of the document.
    if (item.kind !== 'scalar') continue;
    if (values.has(item.text)) {
      document.report(itemPath, 'stands twice in the list', 'remove one of the two');
    }
    values.add(item.text);
  }
  return [...values];
}

function resolveRange(document: ConfigDocument, path: Path, map: MapNode): Comparison[] {
  const range: Partial<Record<Bound, string>> = {};
  for (const bound of BOUNDS) {
    const node = map.entries.get(bound)?.value;
    if (node === undefined || node.kind === 'invalid') continue;
    if (node.kind === 'scalar' && isBound(node.text)) {
      range[bound] = node.text;
    } else {
      const remedy = 'write for example 18 or "2026-01-31 12:00:00"';
      document.report([...path, bound], 'must be a number, a date or a time', remedy);
    }
  }
  for (const [one, other] of [['gt', 'gte'] as const, ['lt', 'lte'] as const]) {
    if (range[one] === undefined || range[other] === undefined) continue;
    document.report([...path, other], `${one} and ${other} exclude each other`, 'keep one of the two', {
      key: true,
    });
  }
  const lower = range.gt ?? range.gte;
  const upper = range.lt ?? range.lte;
  if (lower !== undefined && upper !== undefined) {
    const inclusive = range.gt === undefined && range.lt === undefined;
    const empty = isEmptyRange(lower, upper, inclusive);
    if (empty === undefined) {
      document.report(path, 'the bounds are of different kinds', 'write two numbers, dates or times');
    } else if (empty) {
      document.report(path, 'no value is in this range', 'write a lower bound below the upper one');
    }
  }
  return Object.keys(range).length === 0 ? [] : [{ op: 'range', ...range }];
}

function reportUnknown(document: ConfigDocument, path: Path, name: string): void {
  const near = nearestName(name, OPERATORS);
  const remedy =
    OTHER_SPELLINGS.get(name.toLowerCase()) ??
    (near === undefined ? `known here: ${OPERATORS.join(', ')}` : `did you mean ${near}?`);
  document.report(path, 'is an unknown operator', remedy, { key: true });
}
