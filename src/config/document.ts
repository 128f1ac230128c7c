import type { Place, Problem } from './errors.ts';
import { FILE_LAYER } from './node.ts';
import type { ConfigNode, Layer } from './node.ts';
import { formatPath } from './path.ts';
import type { Path } from './path.ts';

/** A configuration on its way from text to typed values: the tree, and everything that is wrong with it. */
export class ConfigDocument {
  readonly file: string;
  /** What stands in front of a path where several files are meant; empty for the configuration file itself. */
  readonly #idPrefix: string;
  root: ConfigNode;
  readonly #problems: Problem[] = [];
  #brokenAt: Place | undefined;

  constructor(file: string, idPrefix = '') {
    this.file = file;
    this.#idPrefix = idPrefix;
    this.root = { kind: 'empty', place: { file, line: 1, column: 1 } };
  }

  /** Everything reported so far, in the order of the file; variables and the command line come last. */
  get problems(): Problem[] {
    return this.#problems.toSorted(
      (one, other) =>
        (one.line ?? Number.MAX_SAFE_INTEGER) - (other.line ?? Number.MAX_SAFE_INTEGER) ||
        (one.column ?? 0) - (other.column ?? 0),
    );
  }

  /** The node at a path, or undefined where nothing is written. */
  at(path: Path): ConfigNode | undefined {
    let node: ConfigNode | undefined = this.root;
    for (const segment of path) {
      if (node?.kind === 'map') node = node.entries.get(String(segment))?.value;
      else if (node?.kind === 'list') node = typeof segment === 'number' ? node.items[segment] : undefined;
      else return undefined;
    }
    return node;
  }

  /** Names a place in one of several files: `rules[0]`, in an included file `rules/shop.yaml:rules[0]`. */
  idOf(path: Path): string {
    return `${this.#idPrefix}${formatPath(path)}`;
  }

  has(path: Path): boolean {
    return this.at(path) !== undefined;
  }

  /** The layer that set a scalar; the file's for everything else. */
  layer(path: Path): Layer {
    const node = this.at(path);
    return node?.kind === 'scalar' ? node.layer : FILE_LAYER;
  }

  /**
   * Reports a problem with a field: at `offset` inside its value where that can be told, else at the value,
   * else (the field is missing) at the nearest parent. With `key`, at the field's name.
   */
  report(path: Path, message: string, remedy: string, where: { offset?: number; key?: boolean } = {}): void {
    const place = where.key === true ? this.#keyPlace(path) : this.#valuePlace(path, where.offset ?? 0);
    if (this.#brokenAt !== undefined) {
      // The tree is a guess there: what is missing, and what stands behind a syntax error, may be its echo.
      const node = this.at(path);
      const echo = node === undefined || node.kind === 'map' || node.kind === 'list' || node.kind === 'empty';
      if ((echo && where.key !== true) || isBehind(place, this.#brokenAt)) return;
    }
    this.reportAt(place, formatPath(path), message, remedy);
  }

  reportAt(place: Place, path: string, message: string, remedy: string): void {
    this.#problems.push({ ...place, path, message, remedy });
  }

  /** Reports what makes the text no YAML; the tree behind it is not judged any more. */
  reportSyntax(place: Place, message: string, remedy: string): void {
    if (this.#brokenAt === undefined || isBehind(this.#brokenAt, place)) this.#brokenAt = place;
    this.reportAt(place, '', message, remedy);
  }

  #valuePlace(path: Path, offset: number): Place {
    const node = this.at(path);
    if (node === undefined) return path.length === 0 ? this.root.place : this.#keyPlace(path.slice(0, -1));
    if (node.kind === 'scalar' && node.textColumn !== undefined) {
      return { ...node.place, column: node.textColumn + offset };
    }
    return node.kind === 'empty' ? this.#keyPlace(path) : node.place;
  }

  #keyPlace(path: Path): Place {
    const parent = this.at(path.slice(0, -1));
    const entry = parent?.kind === 'map' ? parent.entries.get(String(path.at(-1))) : undefined;
    if (path.length > 0 && entry !== undefined) return entry.keyPlace;
    const node = this.at(path);
    if (node !== undefined) return node.place;
    return path.length === 0 ? this.root.place : this.#keyPlace(path.slice(0, -1));
  }
}

function isBehind(place: Place, other: Place): boolean {
  if (place.line === undefined || other.line === undefined) return false;
  if (place.line !== other.line) return place.line > other.line;
  return (place.column ?? 1) >= (other.column ?? 1);
}
