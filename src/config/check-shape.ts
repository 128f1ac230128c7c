import type * as z from 'zod';
import type { ConfigDocument } from './document.ts';
import { nearestName } from '../errors/nearest-name.ts';
import { toPlain } from './node.ts';
import type { ConfigNode } from './node.ts';
import type { Path } from './path.ts';
import { issueParams } from './scalars.ts';
import { configSchema, includedSchema } from './schema.ts';
import type { RawConfig, RawIncluded } from './schema.ts';
import { knownNames } from './schema-paths.ts';

type Issue = z.core.$ZodIssue;

/** What is wrong with a field that the schema does not know, and what to write instead. */
type Advice = (path: Path, name: string) => readonly [message: string, remedy: string];

/**
 * Reports everything in the document that does not fit the schema, and returns what does: fields that do not
 * fit are left out (null in lists), so that the rest can be judged in the same run.
 */
export function checkShape(document: ConfigDocument): RawConfig {
  return checkAgainst(configSchema, document, adviseOnUnknown) ?? {};
}

/** Like `checkShape`, for a file that `include` names. */
export function checkIncludedShape(document: ConfigDocument): RawIncluded {
  return checkAgainst(includedSchema, document, adviseOnIncluded) ?? {};
}

/** Undefined if the document is of another kind as a whole. */
function checkAgainst<T>(schema: z.ZodType<T>, document: ConfigDocument, advice: Advice): T | undefined {
  reportEmptyItems(document, document.root, []);
  const plain =
    document.root.kind === 'empty' || document.root.kind === 'invalid' ? {} : toPlain(document.root);
  for (;;) {
    const result = schema.safeParse(plain);
    if (result.success) return result.data;
    for (const issue of result.error.issues) {
      const path = issue.path.filter((part) => typeof part !== 'symbol');
      reportIssue(document, issue, path, advice);
      if (path.length === 0 && issue.code !== 'unrecognized_keys') return undefined;
      if (issue.code === 'unrecognized_keys') for (const key of issue.keys) remove(plain, [...path, key]);
      else remove(plain, path);
    }
  }
}

function adviseOnUnknown(path: Path, name: string): readonly [message: string, remedy: string] {
  const known = knownNames(path);
  const near = nearestName(name, known);
  return [
    'is an unknown field',
    near === undefined ? `known here: ${known.join(', ')}` : `did you mean ${near}?`,
  ];
}

function adviseOnIncluded(path: Path, name: string): readonly [message: string, remedy: string] {
  if (path.length > 0) return adviseOnUnknown(path, name);
  if (name === 'include') {
    return ['an included file cannot include others', 'name the files in the configuration file itself'];
  }
  return knownNames([]).includes(name)
    ? ['only rules may stand in an included file', 'move it into the configuration file itself']
    : [
        'is an unknown field',
        nearestName(name, ['rules']) === undefined ? 'only rules is known here' : 'did you mean rules?',
      ];
}

function reportIssue(document: ConfigDocument, issue: Issue, path: Path, advice: Advice): void {
  const node = document.at(path);
  switch (issue.code) {
    case 'unrecognized_keys': {
      for (const key of issue.keys) document.report([...path, key], ...advice(path, key), { key: true });
      return;
    }
    case 'custom': {
      const {
        remedy = 'correct it',
        suggestion,
        field = false,
      } = issueParams.partial().parse(issue.params ?? {});
      const inFile = node?.kind === 'scalar' && node.textColumn !== undefined;
      document.report(path, issue.message, inFile && suggestion !== undefined ? suggestion : remedy, {
        key: field,
      });
      return;
    }
    default:
      reportType(document, issue, path, node);
  }
}

function reportType(document: ConfigDocument, issue: Issue, path: Path, node: ConfigNode | undefined): void {
  const expected = issue.code === 'invalid_type' ? issue.expected : '';
  if (node?.kind === 'empty') {
    document.report(path, 'has no value', 'write a value ("" for the empty text), or remove the field');
  } else if (expected === 'array') {
    document.report(path, 'must be a list', 'write [one, two], or one line "- item" for each');
  } else if (expected === 'string') {
    const what = node?.kind === 'list' ? 'a list' : 'a map';
    document.report(
      path,
      `must be a single value, not ${what}`,
      'put text that begins with { or [ in quotes',
    );
  } else {
    document.report(path, 'must be a map of fields', 'write indented lines "name: value"');
  }
}

/** Null stands for an invalid item after validation, so empty items have to be reported here. */
function reportEmptyItems(document: ConfigDocument, node: ConfigNode, path: Path): void {
  if (node.kind === 'map') {
    for (const [key, { value }] of node.entries) reportEmptyItems(document, value, [...path, key]);
  } else if (node.kind === 'list') {
    for (const [index, item] of node.items.entries()) {
      const itemPath = [...path, index];
      if (item.kind === 'empty')
        document.report(itemPath, 'is an empty list item', 'write a value, or remove it');
      else reportEmptyItems(document, item, itemPath);
    }
  }
}

function remove(plain: unknown, path: Path): void {
  const last = path.at(-1);
  let parent = plain;
  for (const part of path.slice(0, -1)) {
    if (Array.isArray(parent) && typeof part === 'number') parent = parent[part];
    else if (isRecord(parent)) parent = parent[String(part)];
  }
  if (Array.isArray(parent) && typeof last === 'number') parent[last] = null;
  else if (isRecord(parent)) delete parent[String(last)];
}

function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
