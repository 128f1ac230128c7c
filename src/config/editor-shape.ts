import * as z from 'zod';

/** A part of a JSON schema. */
export type EditorShape = Readonly<Record<string, unknown>>;

/** What editors know of a value that the schema itself sees as text: its form before it is read. */
export const editorShapes = z.registry<EditorShape>();

/** Editors read YAML types into plain text; a password may look like a number. */
const SCALAR = ['string', 'number', 'boolean'];
const VARIABLE = String.raw`\$\{`;

export const ANY_TEXT: EditorShape = { type: SCALAR };
export const SOME_TEXT: EditorShape = { type: SCALAR, minLength: 1 };
export const ANY_TREE: EditorShape = {};
const A_VARIABLE: EditorShape = { type: 'string', pattern: VARIABLE };

/** Text that matches the source of a regular expression as a whole, or holds a variable. */
export function textOfForm(source: string): EditorShape {
  return { type: SCALAR, pattern: `^(?:${source})$|${VARIABLE}` };
}

/** Like `textOfForm`, but no number: it lacks a unit. */
export function textWithUnit(source: string): EditorShape {
  return { type: 'string', pattern: `^(?:${source})$|${VARIABLE}` };
}

/** One of some names, or what one of `others` takes, or a variable. */
export function oneOf(names: readonly unknown[], ...others: readonly EditorShape[]): EditorShape {
  return { anyOf: [{ enum: names }, ...others, A_VARIABLE] };
}

export function wholeNumber(minimum: number, maximum?: number): EditorShape {
  return {
    anyOf: [
      { type: 'integer', minimum, ...(maximum === undefined ? {} : { maximum }) },
      textWithUnit(String.raw`\d{1,16}`),
    ],
  };
}
