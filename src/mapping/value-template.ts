/**
 * How a column stands in a value. `auto`: integers as numbers (beyond 2^53 as text), everything else as its text.
 * `number`: with all its digits. `boolean`: whether it is other than 0. `json`: text that is JSON, as it is. `iso`: a
 * date and time as ISO 8601. `utc`: that, marked as UTC. `base64` and `hex`: bytes.
 */
export const VALUE_FORMATS = [
  'auto',
  'text',
  'number',
  'boolean',
  'json',
  'iso',
  'utc',
  'base64',
  'hex',
] as const;
export type ValueFormat = (typeof VALUE_FORMATS)[number];

/** A column of the row, and what it is called in the value. */
export interface ValueField {
  readonly column: string;
  readonly name: string;
  readonly format: ValueFormat;
}

/** What a key is given: a JSON object or a hash of several columns, or the text of one. */
export type ValueTemplate =
  | { readonly form: 'json' | 'hash'; readonly fields: readonly ValueField[] }
  | { readonly form: 'string'; readonly field: ValueField };

/** The columns of a row that a value needs. */
export function valueFields(template: ValueTemplate): readonly ValueField[] {
  return template.form === 'string' ? [template.field] : template.fields;
}

/** What a value is, as plain data: equal for two that give the same. */
export function canonicalValue(template: ValueTemplate): unknown {
  const fields = valueFields(template).map(({ column, name, format }) => [
    column.toLowerCase(),
    name,
    format,
  ]);
  return [template.form, fields];
}
