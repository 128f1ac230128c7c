import type { CacheValue } from '../change/command.ts';
import type { ColumnValue, RowImage } from '../change/row-change.ts';
import { columnIndex } from './condition.ts';
import { valueFields } from './value-template.ts';
import type { ValueField, ValueFormat, ValueTemplate } from './value-template.ts';

/** The value of a row; null where it is SQL NULL as a whole, undefined where the image does not tell it. */
export type ValueFunction = (image: RowImage) => CacheValue | null | undefined;

/** A column as text; null for SQL NULL, undefined for what is not known or has no such form. */
type FieldFunction = (image: RowImage) => string | null | undefined;

/**
 * Compiles what a key is given from a row whose images hold `columns`.
 * @throws UnstaleError UNSTALE_INTERNAL if `columns` lacks one that the value needs
 */
export function compileValue(template: ValueTemplate, columns: readonly string[]): ValueFunction {
  const places = valueFields(template).map((field) => ({
    field,
    index: columnIndex(columns, field.column),
  }));
  switch (template.form) {
    case 'string': {
      const [only] = places.map(({ field, index }) => fieldOf(field, index, toText));
      return (image) => only?.(image);
    }
    case 'json': {
      const parts = places.map(({ field, index }) => ({
        begin: `${JSON.stringify(field.name)}:`,
        text: fieldOf(field, index, toJson),
      }));
      // One text from all pieces: to append them one by one leaves as many texts behind.
      const pieces = parts.flatMap(({ begin }, index) => [`${index === 0 ? '{' : ','}${begin}`, '']);
      pieces.push('}');
      return (image) => {
        for (let index = 0; index < parts.length; index += 1) {
          const value = parts[index]?.text(image);
          if (value === undefined) return undefined;
          pieces[index * 2 + 1] = value ?? 'null';
        }
        return pieces.join('');
      };
    }
    case 'hash': {
      const parts = places.map(({ field, index }) => ({
        name: field.name,
        text: fieldOf(field, index, toText),
      }));
      return (image) => {
        const fields: string[] = [];
        for (const { name, text } of parts) {
          const value = text(image);
          if (value === undefined) return undefined;
          if (value !== null) fields.push(name, value);
        }
        // Redis knows no empty hash.
        return fields.length === 0 ? null : fields;
      };
    }
  }
}

type Format = (value: Exclude<ColumnValue, null | undefined>, format: ValueFormat) => string | undefined;

function fieldOf({ format }: ValueField, index: number, write: Format): FieldFunction {
  return (image) => {
    const value = image[index];
    return value === null || value === undefined ? value : write(value, format);
  };
}

/** As a JSON value. */
const toJson: Format = (value, format) => {
  switch (format) {
    case 'auto':
      if (typeof value === 'number') return numberText(value);
      return typeof value === 'string' ? JSON.stringify(value) : undefined;
    case 'number':
    case 'boolean':
      return toText(value, format);
    case 'json':
      return toText(value, format);
    case 'text':
    case 'iso':
    case 'utc':
    case 'base64':
    case 'hex': {
      const text = toText(value, format);
      return text === undefined ? undefined : JSON.stringify(text);
    }
  }
};

const JSON_NUMBER = /^-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?$/;
const DATE = /^\d{4}-\d\d-\d\d$/;
const DATETIME = /^\d{4}-\d\d-\d\d \d\d:\d\d:\d\d(?:\.\d{1,6})?$/;

/** As text. */
const toText: Format = (value, format) => {
  switch (format) {
    case 'auto':
    case 'text':
      if (typeof value === 'number') return numberText(value);
      return typeof value === 'string' ? value : undefined;
    case 'number': {
      const digits = typeof value === 'number' ? numberText(value) : value;
      return typeof digits === 'string' && JSON_NUMBER.test(digits) ? digits : undefined;
    }
    case 'boolean':
      if (value instanceof Uint8Array) return undefined;
      return Number.isNaN(Number(value)) ? undefined : String(Number(value) !== 0);
    case 'json':
      return typeof value === 'string' && isJson(value) ? value : undefined;
    case 'iso':
    case 'utc':
      return typeof value === 'string' ? isoOf(value, format === 'utc') : undefined;
    case 'base64':
    case 'hex':
      return bytesOf(value).toString(format);
  }
};

function numberText(value: number): string | undefined {
  return Number.isFinite(value) ? String(value) : undefined;
}

function isoOf(value: string, utc: boolean): string | undefined {
  if (DATETIME.test(value)) return `${value.replace(' ', 'T')}${utc ? 'Z' : ''}`;
  return DATE.test(value) ? value : undefined;
}

function isJson(text: string): boolean {
  try {
    JSON.parse(text);
    return true;
  } catch {
    return false;
  }
}

function bytesOf(value: string | number | Uint8Array): Buffer {
  return value instanceof Uint8Array ? Buffer.from(value) : Buffer.from(String(value));
}
