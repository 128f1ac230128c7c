import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { compileKey } from './key.ts';
import { parseTemplate } from './template.ts';
import type { KeyTemplate } from './template.ts';

const COLUMNS = ['a', 'b', 'c'];
const TABLE = { schema: 's', table: 't' };
/** Texts that begin, end or are made of what the literals below are made of, and of hexadecimal digits. */
const TEXTS = ['', 'x', 'xx', 'X', '1', '11', '01', ':', 'x:', ':x', '-', '%3A', 'é'];
const TUPLES = TEXTS.flatMap((a) => TEXTS.flatMap((b) => TEXTS.map((c) => [a, b, c])));
/** These filters give different texts for different texts; all others fold some. */
const EXACT = ['', '|hex', '|base64', '|urlencode', '|sha1', '|sha256', '|sha1|hex', '|urlencode|sha1'];
const LITERALS = ['', '', ':', '-', '::', 'x', '1', 'z:', '%', '=', '{{', '}}'];

interface Piece {
  readonly column: string;
  readonly filter: string;
  readonly literal: string;
}

function pieces(filters: readonly string[]): fc.Arbitrary<Piece[]> {
  const piece = fc.record({
    column: fc.constantFrom(...COLUMNS),
    filter: fc.constantFrom(...filters),
    literal: fc.constantFrom(...LITERALS),
  });
  return fc.uniqueArray(piece, { minLength: 1, maxLength: 3, selector: ({ column }) => column });
}

function textOf(parts: readonly Piece[]): string {
  return `k:${parts.map(({ column, filter, literal }) => `{${column}${filter}}${literal}`).join('')}`;
}

function keys(template: KeyTemplate, tuples: readonly (readonly string[])[]): (string | null | undefined)[] {
  const keyOf = compileKey(template, { table: TABLE, columns: COLUMNS });
  return tuples.map((tuple) => keyOf(tuple));
}

/** Two tuples that differ in the template's columns and have one key; undefined if there are none. */
function collision(
  template: KeyTemplate,
  parts: readonly Piece[],
  tuples: readonly (readonly string[])[],
): string | undefined {
  const byKey = new Map<string, string>();
  for (const [index, key] of keys(template, tuples).entries()) {
    if (typeof key !== 'string') throw new Error(`no key for ${tuples[index]?.join()}`);
    const named = JSON.stringify(parts.map(({ column }) => tuples[index]?.[COLUMNS.indexOf(column)]));
    const other = byKey.get(key);
    if (other !== undefined && other !== named) return `${template.text} is ${key} for ${other} and ${named}`;
    byKey.set(key, named);
  }
  return undefined;
}

/** Whether a value holds a character that the literals behind the values begin with. */
function holdsSeparator(parts: readonly Piece[], tuple: readonly string[]): boolean {
  const starts = parts.map(({ literal }) =>
    literal === '' ? '' : literal.replace(/^(.)\1$/, '$1').charAt(0),
  );
  return parts.some(({ column, filter }) => {
    const parsed = parseTemplate(`{${column}${filter}}`, { needsPrefix: false });
    if (!parsed.ok) throw new Error(parsed.problem);
    const [text = ''] = keys(parsed.template, [tuple]);
    return starts.some((start) => start !== '' && (text ?? '').includes(start));
  });
}

describe('whatever a template is made of', { timeout: 60_000 }, () => {
  it('different values have different keys as long as none holds the separator and no filter folds them, or the template is refused', () => {
    let accepted = 0;
    fc.assert(
      fc.property(pieces(EXACT), (parts) => {
        const parsed = parseTemplate(textOf(parts));
        fc.pre(parsed.ok);
        accepted += 1;
        const tuples = TUPLES.filter((tuple) => !holdsSeparator(parts, tuple));
        expect(parsed.ok ? collision(parsed.template, parts, tuples) : undefined).toBeUndefined();
      }),
      { numRuns: 40 },
    );
    expect(accepted).toBeGreaterThan(0);
  });

  it('values without a literal between them are refused only where two rows would share a key', () => {
    fc.assert(
      fc.property(pieces(['']), (parts) => {
        const parsed = parseTemplate(textOf(parts));
        if (parsed.ok) return;
        expect(parsed.problem).toBe('two columns without a literal between them');
        const spaced = textOf(parts).replaceAll('}{', '}\0{');
        const separated = parseTemplate(spaced);
        if (!separated.ok) throw new Error(separated.problem);
        // The separator taken out again, the keys are those that the refused template would have given.
        const named = keys(separated.template, TUPLES).map((key) => String(key).replaceAll('\0', ''));
        const tuples = TUPLES.map((tuple) =>
          JSON.stringify(parts.map(({ column }) => tuple[COLUMNS.indexOf(column)])),
        );
        expect(new Set(named).size).toBeLessThan(new Set(tuples).size);
      }),
      { numRuns: 100 },
    );
  });
});
