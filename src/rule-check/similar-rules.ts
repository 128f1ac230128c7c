import type { PreflightProblem } from '../binlog/preflight/problem.ts';
import { canonicalCondition } from '../mapping/condition.ts';
import { ANY_TEXT } from '../mapping/explain-split.ts';
import type { TextShape } from '../mapping/explain-split.ts';
import { shapeOf } from '../mapping/explain-reverse.ts';
import type { Rule, TableRule } from '../mapping/rule.ts';
import { compileSelector, formatSelector } from '../mapping/table-selector.ts';
import type { KeyTemplate } from '../mapping/template.ts';

/** What the text of a column of a rule's table looks like; undefined if nothing is known. */
export type ShapeOfColumn = (rule: TableRule, column: string) => TextShape | undefined;

/** Pairs of templates that are listed. */
const MOST_PAIRS = 20;

/** Rules that give no key that another does not give as well. */
export function checkDuplicates(rules: readonly Rule[]): PreflightProblem[] {
  const tables = rules.filter((rule) => rule.kind === 'table');
  return tables.flatMap((rule, index): PreflightProblem[] => {
    // Of two that cover each other the later one is named.
    const cover = tables.find(
      (other, at) => other !== rule && covers(other, rule) && (at < index || !covers(rule, other)),
    );
    if (cover === undefined) return [];
    const message = `${rule.id} gives no key that ${cover.id} does not give as well: remove it, or correct one of the two.`;
    return [{ code: 'UNSTALE_RULE_REDUNDANT', severity: 'warning', subject: rule.id, message }];
  });
}

/** Whether the first rule touches everything that the second one does, whenever it does. */
function covers(one: TableRule, other: TableRule): boolean {
  const { tables } = other;
  const isOnTables =
    tables.kind === 'exact'
      ? compileSelector(one.tables).matches(tables.table.schema, tables.table.table)
      : formatSelector(one.tables) === formatSelector(tables);
  const isSameLookup =
    JSON.stringify([one.lookup?.sql, one.lookup?.parameters]) ===
    JSON.stringify([other.lookup?.sql, other.lookup?.parameters]);
  const isWider =
    one.condition === undefined ||
    (other.condition !== undefined &&
      canonicalCondition(one.condition) === canonicalCondition(other.condition));
  return (
    isOnTables &&
    isSameLookup &&
    isWider &&
    [...other.on].every((event) => one.on.has(event)) &&
    includesAll(one.keys, other.keys) &&
    includesAll(one.keysFromSet, other.keysFromSet) &&
    isCounterOnly(one) === isCounterOnly(other) &&
    one.generation?.text === other.generation?.text
  );
}

/** A rule without keys increments its counter where one with keys removes them. */
function isCounterOnly({ keys, keysFromSet }: TableRule): boolean {
  return keys.length + keysFromSet.length === 0;
}

function includesAll(some: readonly KeyTemplate[], others: readonly KeyTemplate[]): boolean {
  return others.every(({ text }) => some.some((template) => template.text === text));
}

/** Templates of different rules that may give the same key, or of which the scope of one holds keys of the other. */
export function checkCollisions(rules: readonly Rule[], shapeOfColumn: ShapeOfColumn): PreflightProblem[] {
  const all = rules
    .filter((rule) => rule.kind === 'table')
    .flatMap((rule) =>
      rule.keys.map((template) => ({ rule, template, pieces: piecesOf(rule, template, shapeOfColumn) })),
    );
  const problems: PreflightProblem[] = [];
  for (const [index, one] of all.entries()) {
    for (const other of all.slice(index + 1)) {
      if (problems.length === MOST_PAIRS) return problems;
      if (one.rule === other.rule || one.template.text === other.template.text) continue;
      if (!mayMeet(one.pieces, other.pieces)) continue;
      const message =
        `${one.rule.id} ${one.template.text} and ${other.rule.id} ${other.template.text} may give the same key. ` +
        'One then removes entries of the other, which costs entries and nothing else.';
      problems.push({ severity: 'info', subject: `${one.rule.id} ${other.rule.id}`, message });
    }
  }
  return problems;
}

/** A character, or any number of characters of a kind. */
type Piece = { readonly char: string } | { readonly allowed: RegExp | undefined };

function piecesOf(rule: TableRule, template: KeyTemplate, shapeOfColumn: ShapeOfColumn): readonly Piece[] {
  return template.parts.flatMap((part): readonly Piece[] => {
    if (part.kind === 'literal') return Array.from(part.text, (char) => ({ char }));
    const { ref, filters } = part;
    if (
      rule.tables.kind === 'exact' &&
      (ref.kind === 'schema' || ref.kind === 'table') &&
      filters.length === 0
    ) {
      return Array.from(rule.tables.table[ref.kind], (char) => ({ char }));
    }
    const own = filters.length === 0 && ref.kind === 'column' ? shapeOfColumn(rule, ref.name) : undefined;
    return [{ allowed: (own ?? (filters.length === 0 ? ANY_TEXT : shapeOf(filters))).allowed }];
  });
}

/** Most templates differ in their first characters. */
function mayBeginAlike(one: readonly Piece[], other: readonly Piece[]): boolean {
  for (const [index, left] of one.entries()) {
    const right = other[index];
    if (right === undefined || 'allowed' in left || 'allowed' in right) return true;
    if (left.char !== right.char) return false;
  }
  return true;
}

/** Whether a text matches both, in time in proportion to the product of their lengths. */
function mayMeet(one: readonly Piece[], other: readonly Piece[]): boolean {
  if (!mayBeginAlike(one, other)) return false;
  const width = other.length + 1;
  const reached = new Uint8Array((one.length + 1) * width);
  reached[0] = 1;
  for (let row = 0; row <= one.length; row += 1) {
    for (let column = 0; column <= other.length; column += 1) {
      if (reached[row * width + column] === 0) continue;
      const [left, right] = [one[row], other[column]];
      const mark = (down: number, across: number): void => {
        reached[(row + down) * width + column + across] = 1;
      };
      // What may be empty may be left out; what may be long may take in a character of the other.
      if (left !== undefined && 'allowed' in left) mark(1, 0);
      if (right !== undefined && 'allowed' in right) mark(0, 1);
      if (left === undefined || right === undefined) continue;
      if ('char' in left && 'char' in right) {
        if (left.char === right.char) mark(1, 1);
      } else if ('char' in left && 'allowed' in right) {
        if (right.allowed?.test(left.char) ?? true) mark(1, 0);
      } else if ('allowed' in left && 'char' in right) {
        if (left.allowed?.test(right.char) ?? true) mark(0, 1);
      }
    }
  }
  return reached[one.length * width + other.length] === 1;
}
