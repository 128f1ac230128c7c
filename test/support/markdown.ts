/** A place in a document, as `file:line`. */
export interface Located {
  readonly file: string;
  /** From 1. */
  readonly line: number;
}

export interface Heading extends Located {
  readonly level: number;
  readonly text: string;
}

export interface Link extends Located {
  readonly target: string;
}

export interface Code extends Located {
  readonly text: string;
  /** `span` stands in a sentence, `block` is a line of a fenced or indented block. */
  readonly kind: 'span' | 'block';
}

export interface Row extends Located {
  readonly text: string;
}

export interface Document {
  readonly file: string;
  readonly rows: readonly Row[];
  readonly headings: readonly Heading[];
  /** Names behind `#` that lead into the document. */
  readonly anchors: ReadonlySet<string>;
  readonly links: readonly Link[];
  readonly code: readonly Code[];
}

/** What of a Markdown text other documents and tests refer to, with lines. */
export function parseMarkdown(file: string, text: string): Document {
  const headings: Heading[] = [];
  const anchors = new Set<string>();
  const links: Link[] = [];
  const code: Code[] = [];
  const rows = text.split('\n').map((row, index) => ({ file, line: index + 1, text: row }));
  let fenced = false;
  for (const { line, text: row } of rows) {
    const at = { file, line };
    if (row.trimStart().startsWith('```')) {
      fenced = !fenced;
      continue;
    }
    if (fenced || /^ {4}\S/.test(row)) {
      code.push({ ...at, text: row.trim(), kind: 'block' });
      continue;
    }
    for (const [, id = ''] of row.matchAll(/<a id="([^"]+)">/g)) anchors.add(id);
    const [, marks = '', title] = /^(#{1,6}) (.*)$/.exec(row) ?? [];
    if (title !== undefined) {
      headings.push({ ...at, level: marks.length, text: title });
      anchors.add(unused(anchors, slug(title)));
    }
    for (const [, span = ''] of row.matchAll(/`([^`]+)`/g)) code.push({ ...at, text: span, kind: 'span' });
    const prose = row.replaceAll(/``.+?``|`[^`]*`/g, '');
    for (const [, target = ''] of prose.matchAll(/\]\(([^)\s]+)\)/g)) links.push({ ...at, target });
  }
  return { file, rows, headings, anchors, links, code };
}

/** The anchor that a heading gets where Markdown is shown: letters, digits, `_` and `-`. */
export function slug(title: string): string {
  const text = title.replaceAll(/\[([^\]]*)\]\([^)]*\)/g, '$1').toLowerCase();
  return text.replaceAll(/[^\p{L}\p{N} _-]/gu, '').replaceAll(' ', '-');
}

function unused(taken: ReadonlySet<string>, name: string): string {
  if (!taken.has(name)) return name;
  let count = 1;
  while (taken.has(`${name}-${count}`)) count += 1;
  return `${name}-${count}`;
}
