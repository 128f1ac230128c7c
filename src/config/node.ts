import type { Place } from './errors.ts';

/** Where a value was set; a higher number wins over a lower one. */
export type Layer = 0 | 1 | 2;
export const FILE_LAYER = 0;
export const ENVIRONMENT_LAYER = 1;
export const COMMAND_LINE_LAYER = 2;

/** A single value. Every scalar is text: the schema gives it a type, whether it came from YAML or a variable. */
export interface ScalarNode {
  readonly kind: 'scalar';
  readonly place: Place;
  readonly layer: Layer;
  readonly text: string;
  /** The column of the text's first character, if the text stands in the file exactly so, on one line. */
  readonly textColumn?: number;
}

/** A key or list item with nothing behind it. */
export interface EmptyNode {
  readonly kind: 'empty';
  readonly place: Place;
}

/** Something is written here, but it is reported already and has no value. */
export interface InvalidNode {
  readonly kind: 'invalid';
  readonly place: Place;
}

export interface MapNode {
  readonly kind: 'map';
  readonly place: Place;
  readonly entries: Map<string, { readonly keyPlace: Place; readonly value: ConfigNode }>;
}

export interface ListNode {
  readonly kind: 'list';
  readonly place: Place;
  readonly items: readonly ConfigNode[];
}

/** A configuration value that knows where it stands. */
export type ConfigNode = ScalarNode | EmptyNode | InvalidNode | MapNode | ListNode;

/**
 * The node as plain values: text, null for nothing, arrays, and objects without a prototype. What is invalid
 * is left out of maps and null in lists.
 */
export function toPlain(node: ConfigNode): unknown {
  switch (node.kind) {
    case 'scalar':
      return node.text;
    case 'empty':
    case 'invalid':
      return null;
    case 'list':
      return node.items.map(toPlain);
    case 'map': {
      const plain: Record<string, unknown> = Object.create(null);
      for (const [key, { value }] of node.entries) {
        if (value.kind !== 'invalid') plain[key] = toPlain(value);
      }
      return plain;
    }
  }
}
