import type { RowImage } from '../change/row-change.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { formatKeyPart } from './format-value.ts';
import type { KeyTemplate } from './template.ts';

/**
 * The key of a row image. `null`: a key column is SQL NULL, so the row has no key. `undefined`: the image
 * lacks a key column, so the key is unknown. NULL in one column decides even if another one is absent.
 */
export type KeyFunction = (image: RowImage) => string | null | undefined;

/** Compiles a template against the columns that a table's row images hold, in their order. */
export function compileKey(template: KeyTemplate, columns: readonly string[]): KeyFunction {
  const literals: string[] = [''];
  const indexes: number[] = [];
  for (const part of template.parts) {
    if (part.kind === 'literal') {
      literals[literals.length - 1] += part.text;
    } else {
      const index = columns.indexOf(part.name);
      if (index === -1) throw new UnstaleError('UNSTALE_INTERNAL', `column ${part.name} is not read`);
      indexes.push(index);
      literals.push('');
    }
  }
  const [prefix = '', suffix = ''] = literals;
  const [index = 0] = indexes;
  return indexes.length === 1
    ? singleColumn(prefix, index, suffix)
    : severalColumns(prefix, indexes, literals);
}

function singleColumn(prefix: string, index: number, suffix: string): KeyFunction {
  return (image) => {
    const text = formatKeyPart(image[index]);
    return typeof text === 'string' ? prefix + text + suffix : text;
  };
}

function severalColumns(
  prefix: string,
  indexes: readonly number[],
  literals: readonly string[],
): KeyFunction {
  return (image) => {
    let key = prefix;
    let absent = false;
    for (let part = 0; part < indexes.length; part += 1) {
      const text = formatKeyPart(image[indexes[part] ?? -1]);
      if (text === null) return null;
      if (text === undefined) absent = true;
      else key += text + (literals[part + 1] ?? '');
    }
    return absent ? undefined : key;
  };
}
