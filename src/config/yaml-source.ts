import { isAlias, isMap, isScalar, isSeq, LineCounter, parseDocument } from 'yaml';
import type { Document, Node, Scalar, YAMLError } from 'yaml';
import { ConfigDocument } from './document.ts';
import type { Place } from './errors.ts';
import { FILE_LAYER } from './node.ts';
import type { ConfigNode, MapNode } from './node.ts';
import { formatPath } from './path.ts';
import type { Path } from './path.ts';

/** Aliases can stand for aliases: without a bound, a few lines could mean billions of values. */
const MAX_NODES = 100_000;
const MAX_DEPTH = 100;

/** Bytes of one file: more than the nodes that are allowed need. */
export const LARGEST_CONFIG = 4 * 1024 * 1024;

/** How many nodes may still be read, from all files of one configuration. */
export interface NodeBudget {
  left: number;
}

export function nodeBudget(): NodeBudget {
  return { left: MAX_NODES };
}

class TooManyNodes extends Error {}

/**
 * Reads YAML 1.2 into a document. Every scalar stays text as written (`012` is not 12), because the schema
 * and not YAML decides on types. Syntax errors and duplicate keys are reported in the document, never thrown.
 */
export function parseYaml(
  file: string,
  text: string,
  { budget = nodeBudget(), idPrefix = '' }: { readonly budget?: NodeBudget; readonly idPrefix?: string } = {},
): ConfigDocument {
  const document = new ConfigDocument(file, idPrefix);
  const lines = new LineCounter();
  const placeAt = (offset: number): Place => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1) };
  };
  try {
    const yaml = parseDocument(text, {
      schema: 'failsafe',
      // Reported by the reader, which knows the field.
      uniqueKeys: false,
      lineCounter: lines,
      prettyErrors: false,
      logLevel: 'error',
    });
    for (const error of [...yaml.errors, ...yaml.warnings])
      reportYamlError(document, placeAt(error.pos[0]), error);
    if (yaml.contents !== null)
      document.root = new Reader({ document, yaml, source: text, placeAt, budget }).read(yaml.contents, []);
  } catch (error) {
    const start = { file, line: 1, column: 1 };
    if (error instanceof TooManyNodes) {
      const remedy = `write at most ${MAX_NODES} values in all files together, and fewer aliases of aliases`;
      document.reportSyntax(start, 'holds too many values', remedy);
    } else if (error instanceof RangeError) {
      document.reportSyntax(start, 'the YAML is nested too deeply', 'write it flatter');
    } else {
      throw error;
    }
  }
  return document;
}

interface ReaderOptions {
  readonly document: ConfigDocument;
  readonly yaml: Document.Parsed;
  readonly source: string;
  readonly placeAt: (offset: number) => Place;
  readonly budget: NodeBudget;
}

class Reader {
  readonly #document: ConfigDocument;
  readonly #yaml: Document.Parsed;
  readonly #source: string;
  readonly #placeAt: (offset: number) => Place;
  readonly #budget: NodeBudget;

  constructor(options: ReaderOptions) {
    this.#document = options.document;
    this.#yaml = options.yaml;
    this.#source = options.source;
    this.#placeAt = options.placeAt;
    this.#budget = options.budget;
  }

  read(node: Node, path: Path): ConfigNode {
    const offset = node.range?.[0] ?? 0;
    const place = this.#placeAt(offset);
    this.#budget.left -= 1;
    if (this.#budget.left < 0) throw new TooManyNodes();
    if (path.length > MAX_DEPTH) throw new RangeError('nested too deeply');
    if (isMap(node)) {
      const map: MapNode = { kind: 'map', place, entries: new Map() };
      for (const { key, value } of node.items) this.#readEntry(map, key, value, path);
      return map;
    }
    if (isSeq(node)) {
      const items = node.items.map((item, index) =>
        isNode(item) ? this.read(item, [...path, index]) : ({ kind: 'empty', place } as const),
      );
      return { kind: 'list', place, items };
    }
    if (isAlias(node)) {
      const target = node.resolve(this.#yaml);
      if (target !== undefined) return this.read(target, path);
      this.#document.reportSyntax(
        place,
        'an alias without an anchor',
        'write the value itself, or quote the text',
      );
      return { kind: 'invalid', place };
    }
    return isScalar(node) ? this.#readScalar(node, offset, place) : { kind: 'invalid', place };
  }

  #readEntry(map: MapNode, key: unknown, value: unknown, path: Path): void {
    if (!isScalar(key) || typeof key.value !== 'string') {
      const place = isNode(key) ? this.#placeAt(key.range?.[0] ?? 0) : map.place;
      this.#document.reportSyntax(place, 'a key that is not a single word', 'write name: value');
      return;
    }
    const keyPlace = this.#placeAt(key.range?.[0] ?? 0);
    const entryPath = [...path, key.value];
    if (map.entries.has(key.value)) {
      this.#document.reportAt(keyPlace, formatPath(entryPath), 'is written twice', 'keep one of the two');
      return;
    }
    const node: ConfigNode = isNode(value) ? this.read(value, entryPath) : { kind: 'empty', place: keyPlace };
    map.entries.set(key.value, { keyPlace, value: node });
  }

  #readScalar(node: Scalar, offset: number, place: Place): ConfigNode {
    const text = typeof node.value === 'string' ? node.value : String(node.value);
    if (node.type === 'PLAIN' && /^(?:|~|null|Null|NULL)$/.test(text)) return { kind: 'empty', place };
    const start = node.type === 'PLAIN' ? offset : offset + 1;
    const verbatim = !text.includes('\n') && this.#source.startsWith(text, start);
    const textColumn = (place.column ?? 1) + (start - offset);
    return { kind: 'scalar', place, layer: FILE_LAYER, text, ...(verbatim ? { textColumn } : {}) };
  }
}

function isNode(value: unknown): value is Node {
  return isMap(value) || isSeq(value) || isScalar(value) || isAlias(value);
}

/** Own words: those of the parser can quote the text, and the text can be a password. */
const SYNTAX: Partial<Record<YAMLError['code'], readonly [message: string, remedy: string]>> = {
  BAD_ALIAS: ['an alias that YAML cannot resolve', 'write the value itself, or quote the text'],
  BAD_DQ_ESCAPE: ['an unknown escape in double quotes', 'write \\\\ for a backslash, or use single quotes'],
  BAD_INDENT: [
    'the indentation is wrong, or a bracket above is not closed',
    'align the fields of one map in one column, and close brackets',
  ],
  BAD_SCALAR_START: ['a value that begins with a character reserved by YAML', 'put the value in quotes'],
  BLOCK_AS_IMPLICIT_KEY: ['a second colon on the line, or wrong indentation', 'put the value in quotes'],
  MISSING_CHAR: ['a closing quote, bracket or brace, or a comma or colon, is missing', 'add it'],
  MULTILINE_IMPLICIT_KEY: ['a line without "name:", or wrong indentation', 'write name: value'],
  MULTIPLE_DOCS: ['a second YAML document', 'remove the line --- and what follows it'],
  TAB_AS_INDENT: ['a tab in the indentation', 'indent with spaces'],
  TAG_RESOLVE_FAILED: ['a YAML tag', 'remove the tag: the field decides on the type'],
  UNEXPECTED_TOKEN: [
    'something that YAML does not expect here',
    'put the value in quotes if it begins with { or [, or holds ": " or " #"',
  ],
};

function reportYamlError(document: ConfigDocument, place: Place, error: YAMLError): void {
  const [message, remedy] = SYNTAX[error.code] ?? ['this is not YAML', 'correct the syntax'];
  document.reportSyntax(place, message, remedy);
}
