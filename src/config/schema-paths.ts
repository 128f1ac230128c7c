import * as z from 'zod';
import { configSchema } from './schema.ts';

/**
 * A field of the schema; `[]` in its path stands for any list index. `value`: one text, which the environment
 * and the command line can set. `section`: a map of fields. `list`: a list of texts or maps. `tree`: a value
 * of many forms.
 */
export interface SchemaField {
  readonly path: string;
  readonly kind: 'value' | 'section' | 'list' | 'tree';
}

/** Every field of the schema, in its order. */
export const SCHEMA_FIELDS: readonly SchemaField[] = fieldsOf(configSchema, '');

/** The fields that a variable or the command line can set, by dotted path. */
export const VALUE_PATHS: readonly string[] = SCHEMA_FIELDS.flatMap(({ path, kind }) =>
  kind === 'value' ? [path] : [],
);

/** The environment variable of a field: `source.ssl_mode` is `UNSTALE_SOURCE_SSL_MODE`. */
export function variableOf(path: string): string {
  return `UNSTALE_${path.replaceAll('.', '_').toUpperCase()}`;
}

/** The names that a map at this path of the configuration may hold. */
export function knownNames(path: readonly (string | number)[]): string[] {
  const prefix = path.reduce<string>(
    (text, part) => (typeof part === 'number' ? `${text}[]` : `${text}.${part}`),
    '',
  );
  return SCHEMA_FIELDS.flatMap((field) => {
    const [parent, name] = splitLast(`.${field.path}`);
    return parent === prefix ? [name] : [];
  });
}

function fieldsOf(schema: unknown, path: string): SchemaField[] {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    const fields = Object.entries(inner.shape).flatMap(([name, field]) =>
      fieldsOf(field, path === '' ? name : `${path}.${name}`),
    );
    return path === '' || path.endsWith('[]') ? fields : [{ path, kind: 'section' }, ...fields];
  }
  if (inner instanceof z.ZodArray) {
    const item = unwrap(inner.element);
    return [{ path, kind: 'list' }, ...(item instanceof z.ZodObject ? fieldsOf(item, `${path}[]`) : [])];
  }
  if (inner instanceof z.ZodCustom) return [{ path, kind: 'tree' }];
  return [{ path, kind: 'value' }];
}

/** The schema without what makes it optional or nullable. */
export function unwrap(schema: unknown): unknown {
  let inner = schema;
  while (inner instanceof z.ZodOptional || inner instanceof z.ZodNullable) inner = inner.unwrap();
  return inner;
}

function splitLast(path: string): [parent: string, name: string] {
  const dot = path.lastIndexOf('.');
  return [path.slice(0, dot), path.slice(dot + 1)];
}
