import * as z from 'zod';
import { ANY_TEXT, editorShapes } from '../../src/config/editor-shape.ts';
import type { EditorShape } from '../../src/config/editor-shape.ts';
import { configSchema } from '../../src/config/schema.ts';
import { unwrap } from '../../src/config/schema-paths.ts';
import { fieldDescriptions } from './field-descriptions.ts';

/**
 * The JSON schema of a configuration file, for editors: the fields of this version with their descriptions from
 * docs/configuration.md, given as `reference`. It knows the form of single fields, not what fits together.
 *
 * Zod's own generator would describe text, for all fields: Zod reads every scalar as text, as it stands in the file.
 */
export function configJsonSchema(reference: string): EditorShape {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'unstale',
    description: 'The configuration of unstale, and the files that it includes. See docs/configuration.md.',
    ...shapeOf(configSchema, '', fieldDescriptions(reference)),
  };
}

function shapeOf(schema: unknown, path: string, descriptions: ReadonlyMap<string, string>): EditorShape {
  const inner = unwrap(schema);
  if (inner instanceof z.ZodObject) {
    const properties: Record<string, EditorShape> = {};
    for (const [name, field] of Object.entries(inner.shape)) {
      const fieldPath = path === '' ? name : `${path}.${name}`;
      const shape = shapeOf(field, fieldPath, descriptions);
      const isSection = unwrap(field) instanceof z.ZodObject;
      const description = descriptions.get(fieldPath);
      properties[name] = {
        ...(description === undefined ? {} : { description }),
        ...shape,
        ...(isSection ? { type: ['object', 'null'] } : {}),
      };
    }
    return { type: 'object', properties, additionalProperties: false };
  }
  if (inner instanceof z.ZodArray) {
    return { type: 'array', items: shapeOf(inner.element, `${path}[]`, descriptions) };
  }
  if (inner instanceof z.ZodString) return ANY_TEXT;
  const shape = inner instanceof z.ZodType ? editorShapes.get(inner) : undefined;
  if (shape === undefined) throw new TypeError(`${path} has no shape for editors`);
  return shape;
}
