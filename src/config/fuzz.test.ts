import { readFile } from 'node:fs/promises';
import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadText } from '../../test/support/config-text.ts';
import { ConfigError, formatProblem } from './errors.ts';
import { SCHEMA_FIELDS } from './schema-paths.ts';

/** More find more: UNSTALE_FUZZ_RUNS=20000 takes some minutes. */
const numRuns = Number(process.env['UNSTALE_FUZZ_RUNS'] ?? 150);

const read = (name: string): Promise<string> => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');
const examplesOf = (text: string): string[] =>
  [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, example = '']) => example);
const EXAMPLES = [
  await read('config/example.yaml'),
  await read('config/demo.yaml'),
  ...examplesOf(await read('docs/configuration.md')),
  ...examplesOf(await read('docs/mapping.md')),
];
const RULE_EXAMPLES = EXAMPLES.filter((text) => text.startsWith('rules:'));
const ENV = {
  MYSQL_PASSWORD: 'm',
  DEMO_MYSQL_PORT: '3306',
  DEMO_MYSQL_PASSWORD: 'm',
  DEMO_REDIS_PORT: '6379',
};

/** Ends in a configuration, or in problems that each say where, what and what to do; in nothing else. */
async function expectAnswer(text: string, included?: string): Promise<void> {
  const files = included === undefined ? {} : { 'rules/a.yaml': included };
  try {
    const { plan, ...settings } = await loadText(text, { env: ENV, files });
    expect(plan.rules.length).toBeGreaterThan(0);
    // It is read in a process of its own, and sent from there.
    expect(structuredClone(settings)).toEqual(settings);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    expect(error.problems.length).toBeGreaterThan(0);
    for (const problem of error.problems.slice(0, 200)) {
      const source = problem.file.endsWith('/rules/a.yaml') ? (included ?? '') : text;
      expect(problem.file).toMatch(/\.yaml$/);
      expect(problem.line).toBeGreaterThanOrEqual(1);
      expect(problem.line).toBeLessThanOrEqual(source.split('\n').length);
      expect(problem.column).toBeGreaterThanOrEqual(1);
      expect(problem.message).not.toBe('');
      expect(problem.remedy).not.toBe('');
      expect(formatProblem(problem)).not.toMatch(/[\r\n]/);
      expect(formatProblem(problem).length).toBeLessThan(2500);
    }
  }
}

const PIECES = [
  ...Array.from('{}[]:,#&*!|>\'"%@`-? \n\t$/\\\u0000\u0085\u2028\ufeff\r'),

  '${A}',
  '${',
  '$${',
  '<<: ',
  '__proto__: ',
  'constructor: ',
  '---\n',
  '...\n',
  '&a ',
  '*a',
  '!!str ',
  '? ',
  'null',
  '~',
  'true',
  '.inf',
  '-0',
  '1e999',
  '0x1F',
  '9'.repeat(40),
  '-1',
  '2026-01-31',
  "''",
  '""',

  '{{',
  '}}',
  '{id|',
  'lookup.',
  '{lookup.id}',
  'date:%',
  'pad:',
  '|default:',
  '`',
  '``',
  '*.*',
  '/(a+)+\\.b/',

  '[!',
  '[z-a]',
  'include: ["rules/*.yaml"]\n',
  'rules:\n',
  '  - ',
  'key: ',
  'where: ',
  'outbox: ',
  ':id',
  ';',
  '\u{1f9c0}',
  'e\u0301',
  '\u202e',
  '\ud800',
  'İ',
  'ﬃ',
];
const piece = fc.oneof(fc.constantFrom(...PIECES), fc.string({ maxLength: 4, unit: 'grapheme' }));
const wild = fc.array(piece, { maxLength: 40 }).map((parts) => parts.join(''));

interface Change {
  readonly kind: 'delete' | 'repeat' | 'move' | 'indent' | 'insert' | 'replace' | 'cut' | 'borrow';
  readonly at: number;
  readonly other: number;
  readonly text: string;
}

const change: fc.Arbitrary<Change> = fc.record({
  kind: fc.constantFrom('delete', 'repeat', 'move', 'indent', 'insert', 'replace', 'cut', 'borrow'),
  at: fc.nat(),
  other: fc.nat(),
  text: fc.array(piece, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('')),
});

function mutate(text: string, { kind, at, other, text: added }: Change): string {
  const lines = text.split('\n');
  const line = at % lines.length;
  const column = other % ((lines[line]?.length ?? 0) + 1);
  const current = lines[line] ?? '';
  switch (kind) {
    case 'delete':
      lines.splice(line, 1 + (other % 3));
      break;
    case 'repeat':
      lines.splice(line, 0, ...lines.slice(line, line + 1 + (other % 4)));
      break;
    case 'move':
      lines.splice(other % lines.length, 0, ...lines.splice(line, 1));
      break;
    case 'indent':
      lines[line] = other % 2 === 0 ? `  ${current}` : current.replace(/^ {1,2}/, '');
      break;
    case 'insert':
      lines[line] = `${current.slice(0, column)}${added}${current.slice(column)}`;
      break;
    case 'replace':
      lines[line] = current.replace(/:.*$/, `: ${added}`);
      break;
    case 'cut':
      lines[line] = current.slice(0, column);
      break;
    case 'borrow':
      lines.splice(
        line,
        0,
        ...(EXAMPLES[other % EXAMPLES.length] ?? '').split('\n').slice(0, 1 + (other % 7)),
      );
  }
  return lines.join('\n');
}

const mutated = (texts: readonly string[]): fc.Arbitrary<string> =>
  fc
    .tuple(fc.constantFrom(...texts), fc.array(change, { minLength: 1, maxLength: 6 }))
    .map(([text, changes]) => changes.reduce(mutate, text));

/** Any value where any field is, as JSON: the right names with the wrong things behind them. */
const value = fc.oneof(
  fc.jsonValue({ maxDepth: 3 }),
  fc.constantFrom(
    'shop.users',
    'user:{id}',
    '5s',
    '1MiB',
    'SELECT 1',
    'mysql://u@h',
    'redis://h',
    '127.0.0.1:1',
  ),
  wild,
);
const misfit = fc
  .array(fc.tuple(fc.constantFrom(...SCHEMA_FIELDS.map(({ path }) => path)), value), {
    minLength: 1,
    maxLength: 12,
  })
  .map((fields) => {
    const root: Record<string, unknown> = {
      client_id: 'shop',
      source: { url: 'mysql://u@h' },
      redis: { url: 'redis://h' },
      rules: [{ table: 'shop.users', key: 'user:{id}' }],
    };
    for (const [path, set] of fields) {
      const names = path.split('.');
      const last = names.pop() ?? '';
      let parent: unknown = root;
      for (const name of names) parent = childOf(parent, name.replace('[]', ''));
      const target = Array.isArray(parent) ? parent[0] : parent;
      if (isRecord(target)) target[last] = set;
    }
    return JSON.stringify(root);
  });

function childOf(parent: unknown, name: string): unknown {
  if (!isRecord(parent)) return undefined;
  parent[name] ??= {};
  return parent[name];
}

function isRecord(node: unknown): node is Record<string, unknown> {
  return typeof node === 'object' && node !== null && !Array.isArray(node);
}

describe('whatever a configuration holds, it is read or refused with places and remedies', () => {
  it('as any text', async () => {
    await fc.assert(
      fc.asyncProperty(wild, async (text) => expectAnswer(text)),
      { numRuns },
    );
  });

  it('as an example with changes', async () => {
    await fc.assert(
      fc.asyncProperty(mutated(EXAMPLES), async (text) => expectAnswer(text)),
      { numRuns },
    );
  });

  it('as the right names with the wrong values', async () => {
    await fc.assert(
      fc.asyncProperty(misfit, async (text) => expectAnswer(text)),
      { numRuns },
    );
  });

  it('in an included file', async () => {
    const head =
      'client_id: a\nsource: {url: "mysql://u@h"}\nredis: {url: "redis://h"}\ninclude: ["rules/*.yaml"]\n';
    const included = fc.oneof(wild, mutated(RULE_EXAMPLES));
    await fc.assert(
      fc.asyncProperty(included, async (text) => expectAnswer(head, text)),
      { numRuns },
    );
  });

  it('as an entry of include', async () => {
    const parts = fc.array(fc.constantFrom('*', '?', '/', '.', 'rules', '[a]', '[', '\u0000', 'a.yaml'));
    // Only in the directory of the test: the machine has other files.
    const entry = fc
      .oneof(
        wild,
        parts.map((list) => list.join('')),
      )
      .filter((text) => !text.startsWith('/') && !text.includes('..'));
    await fc.assert(
      fc.asyncProperty(entry, async (text) =>
        expectAnswer(`${EXAMPLES[1] ?? ''}\ninclude: [${JSON.stringify(text)}]\n`, 'rules: []'),
      ),
      { numRuns },
    );
  });

  it.each([
    ['a thousand brackets', 'rules: '.concat('['.repeat(1000))],
    ['a hundred thousand brackets', '['.repeat(100_000)],
    ['maps in maps', 'a: '.repeat(50_000)],
    ['a list of a hundred thousand', `rules: [${'1,'.repeat(100_000)}]`],
    ['thousands of aliases', `a: &a 1\nb: [${'*a,'.repeat(20_000)}*a]`],
    [
      'aliases of aliases',
      Array.from({ length: 30 }, (_, n) => `a${n}: &a${n} [*a${n - 1}, *a${n - 1}]`).join('\n'),
    ],
    ['an alias of itself', 'rules: &r [{table: a.b, key: "a:{b}", where: *r}]'],
    ['a long key', `${'k'.repeat(50_000)}: 1`],
    ['a longer key', `? ${'k'.repeat(50_000)}\n: 1`],
    ['a longer key of spaces', `? "a${' '.repeat(50_000)}b"\n: 1`],
    ['a filter with a long name', `rules: [{table: a.b, key: "a:{b|${'x'.repeat(50_000)}}"}]`],
    ['a long key of spaces', `"${' '.repeat(50_000)}": 1`],
    ['a long value', `client_id: ${'x'.repeat(100_000)}`],
    ['a long pattern of tables', `rules: [{table: "${'[*'.repeat(20_000)}.a", key: "a:{b}"}]`],
    ['a long template', `rules: [{table: a.b, key: "a:${'{b}:'.repeat(20_000)}"}]`],
    ['an open name in a template', `rules: [{table: a.b, key: "a:{\`${'``'.repeat(20_000)}"}]`],
    [
      'a query of open comments',
      `rules: [{table: a.b, key: "a:{lookup.b}", lookup: "SELECT ${'/*'.repeat(20_000)}"}]`,
    ],
    [
      'a query of quotes',
      `rules: [{table: a.b, key: "a:{lookup.b}", lookup: "SELECT ${"'".repeat(40_001)}"}]`,
    ],
    ['open variables', `client_id: "${'${'.repeat(20_000)}"`],
    ['a GTID set that nearly is one', `source: {init_position: "${'1-1-1,'.repeat(20_000)}x"}`],
    [
      'a condition of many values',
      `rules: [{table: a.b, key: "a:{b}", where: {a: [${Array.from({ length: 40_000 }, (_, n) => n).join()}]}}]`,
    ],
    [
      'a condition on many columns',
      `rules: [{table: a.b, key: "a:{b}", where: {${Array.from({ length: 20_000 }, (_, n) => `c${n}: 1`).join()}}}]`,
    ],
    ['many unknown fields', Array.from({ length: 20_000 }, (_, n) => `f${n}: 1`).join('\n')],
  ])('as %s', async (_, text) => {
    await expectAnswer(text);
  });
});
