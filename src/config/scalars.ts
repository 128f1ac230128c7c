import * as z from 'zod';
import {
  ANY_TEXT,
  ANY_TREE,
  editorShapes,
  oneOf,
  SOME_TEXT,
  textOfForm,
  textWithUnit,
  wholeNumber,
} from './editor-shape.ts';
import type { EditorShape } from './editor-shape.ts';
import { parseDuration, parseSize } from './durations.ts';
import { nearestName } from '../errors/nearest-name.ts';
import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

/** What a schema issue carries beside its message; see Refused. */
export const issueParams = z.object({
  remedy: z.string(),
  suggestion: z.string().optional(),
  /** The field itself is the problem, not its value. */
  field: z.boolean().optional(),
});

/** An optional field whose text `parse` turns into a value; `shape` is what editors know of the text. */
export function scalar<T>(parse: (text: string) => Parsed<T>, shape: EditorShape = SOME_TEXT) {
  return z
    .string()
    .transform((text, context): T => {
      const parsed = parse(text);
      if (parsed.ok) return parsed.value;
      const { message, remedy, suggestion } = parsed;
      context.addIssue({ code: 'custom', message, params: { remedy, suggestion } });
      return z.NEVER;
    })
    .register(editorShapes, shape)
    .optional();
}

/** Any text but the empty one. */
export function text() {
  return scalar((value) =>
    value === '' ? refuse('is empty', 'write a value, or remove the field') : accept(value),
  );
}

/** Any text, the empty one included. */
export function secret() {
  return scalar((value) => accept(value), ANY_TEXT);
}

/** Text of a fixed form. */
export function matching(pattern: RegExp, message: string, remedy: string) {
  return scalar(
    (value) => (pattern.test(value) ? accept(value) : refuse(message, remedy)),
    textOfForm(pattern.source.replace(/^\^|\$$/g, '')),
  );
}

export function integer(min: number, max: number) {
  return scalar(
    (value) => {
      const number = /^\d{1,16}$/.test(value) ? Number(value) : Number.NaN;
      const inRange = number >= min && number <= max;
      return inRange
        ? accept(number)
        : refuse('is not a number in range', `write a whole number from ${min} to ${max}`);
    },
    wholeNumber(min, max),
  );
}

export function boolean() {
  return scalar(
    (value) => {
      if (value === 'true' || value === 'false') return accept(value === 'true');
      return refuse('is neither true nor false', 'write true or false');
    },
    oneOf([true, false], { enum: ['true', 'false'] }),
  );
}

/** A duration in ms. Zero only if `zero` says so. */
export function duration(options: { zero: boolean } = { zero: false }) {
  return scalar(
    (value) => {
      const parsed = parseDuration(value);
      if (parsed.ok && parsed.value === 0 && !options.zero)
        return refuse('must be longer than 0', 'write for example 5s');
      return parsed;
    },
    textWithUnit(String.raw`\d+(?:ms|s|m|h|d)`),
  );
}

/** A size in bytes, not zero. */
export function size() {
  return scalar(
    (value) => {
      const parsed = parseSize(value);
      return parsed.ok && parsed.value === 0
        ? refuse('must be larger than 0', 'write for example 4MiB')
        : parsed;
    },
    textWithUnit(String.raw`\d+(?:KiB|MiB|GiB)`),
  );
}

/** One of some names. */
export function choice<const T extends string>(names: readonly T[]) {
  return scalar((value): Parsed<T> => {
    const known = names.find((name) => name === value);
    if (known !== undefined) return accept(known);
    const near = nearestName(value, names);
    const all = names.join(', ');
    return refuse(
      names.length === 1 ? `only ${all} is possible` : `is not one of ${all}`,
      near === undefined ? `write ${names.length === 1 ? all : 'one of them'}` : `did you mean ${near}?`,
    );
  }, oneOf(names));
}

/** One of some names, or a list of texts. An invalid item is null after validation. */
export function choiceOrTexts<const T extends string>(names: readonly T[]) {
  const name = choice(names).unwrap();
  const texts = z.array(text().unwrap().nullable());
  return z
    .unknown()
    .transform((value, context): T | (string | null)[] => {
      const result = Array.isArray(value) ? texts.safeParse(value) : name.safeParse(value);
      if (result.success) return result.data;
      for (const issue of result.error.issues) {
        const { path, message } = issue;
        if (issue.code === 'invalid_type') {
          context.addIssue({ code: issue.code, expected: issue.expected, input: value, path });
        } else {
          const params = issue.code === 'custom' ? issue.params : undefined;
          context.addIssue({ code: 'custom', message, path, ...(params === undefined ? {} : { params }) });
        }
      }
      return z.NEVER;
    })
    .register(editorShapes, oneOf(names, { type: 'array', items: SOME_TEXT, minItems: 1 }))
    .optional();
}

/** A value of any form, which is judged where it is resolved; `shape` is what editors know of it. */
export function tree(shape: EditorShape = ANY_TREE) {
  return z
    .custom<unknown>(() => true)
    .register(editorShapes, shape)
    .optional();
}

/** A map of fields. With nothing behind its name it is the same as an empty one. */
export function section<T extends z.core.$ZodLooseShape>(shape: T) {
  return z.strictObject(shape).nullish();
}

/** A list. An invalid item is null after validation. */
export function list<T extends z.ZodType>(item: T) {
  return z.array(item.nullable()).optional();
}
