import { dirname, join, normalize } from 'node:path';
import { CommanderError } from 'commander';
import type { Command } from 'commander';
import { describe, expect, it } from 'vitest';
import { createProgram } from '../../src/cli/program.ts';
import { SCHEMA_FIELDS } from '../../src/config/schema-paths.ts';
import { ERROR_CATALOG } from '../../src/errors/catalog.ts';
import { createMetrics } from '../../src/observability/metrics.ts';
import { unstaleCalls } from '../support/command-lines.ts';
import { parseMarkdown, slug } from '../support/markdown.ts';
import type { Code, Document, Located } from '../support/markdown.ts';
import { isInRepository, readRepository, repositoryFiles } from '../support/repository.ts';

const documents: Document[] = await Promise.all(
  ['README.md', 'CHANGELOG.md', ...repositoryFiles('docs/*.md')].map(async (file) =>
    parseMarkdown(file, await readRepository(file)),
  ),
);
/** Comments of files that are shipped, which hold commands to type too. */
const comments: Code[] = (
  await Promise.all(
    ['Dockerfile', 'docker-compose.yml', 'config/*.yaml', 'deploy/**/*.{yaml,yml,service}']
      .flatMap((pattern) => repositoryFiles(pattern))
      .map(async (file) => {
        const rows = (await readRepository(file)).split('\n');
        return rows.flatMap((row, index): Code[] => {
          const [, text] = /^#\s{2,}(\S.*)$/.exec(row) ?? [];
          return text === undefined ? [] : [{ file, line: index + 1, text, kind: 'block' }];
        });
      }),
  )
).flat();
const hints: Code[] = Object.entries(ERROR_CATALOG).flatMap(([code, { hint }]) =>
  [...hint.matchAll(/`([^`]+)`/g)].map(([, text = '']): Code => ({
    file: `the hint of ${code}`,
    line: 0,
    text,
    kind: 'span',
  })),
);
const code = [...documents.flatMap((one) => one.code), ...comments, ...hints];
const rows = documents.flatMap((one) => one.rows);

const at = ({ file, line }: Located, problem: string): string => `${file}:${line}: ${problem}`;

/** The place and text of each match that `isKnown` does not know. */
function unknown(
  places: readonly (Located & { readonly text: string })[],
  pattern: RegExp,
  isKnown: (name: string) => boolean,
): string[] {
  return places.flatMap((place) =>
    [...place.text.matchAll(pattern)].flatMap(([name]) => (isKnown(name) ? [] : [at(place, name)])),
  );
}

describe('links', () => {
  const byFile = new Map(documents.map((one) => [one.file, one]));

  it.each(documents.map((one) => [one.file, one] as const))('of %s lead somewhere', (file, { links }) => {
    const broken = links.flatMap((link) => {
      if (/^[a-z]+:/.test(link.target)) return [];
      const [path = '', anchor] = link.target.split('#');
      const target = path === '' ? file : normalize(join(dirname(file), path));
      if (!isInRepository(target)) return [at(link, `${link.target} does not exist`)];
      const anchors = byFile.get(target)?.anchors;
      if (anchor === undefined || anchors === undefined || anchors.has(anchor)) return [];
      return [at(link, `${target} has no #${anchor}`)];
    });
    expect(broken).toEqual([]);
  });

  it('lead from the index of docs/operations.md to every section', () => {
    const operations = byFile.get('docs/operations.md');
    const sections = operations?.headings.filter(({ level }) => level === 2) ?? [];
    const first = sections[0]?.line ?? 0;
    const listed = new Set(operations?.links.filter(({ line }) => line < first).map(({ target }) => target));
    const missing = sections.filter(({ text }) => !listed.has(`#${slug(text)}`));
    expect(missing.map((section) => at(section, `"${section.text}" is not in the index`))).toEqual([]);
  });

  it('lead from the README to every document', () => {
    const linked = new Set(byFile.get('README.md')?.links.map(({ target }) => target.split('#')[0]));
    expect(repositoryFiles('docs/*.md').filter((file) => !linked.has(file))).toEqual([]);
  });
});

describe('names in the documents', () => {
  it('of error codes exist, or are variables', async () => {
    const codes = new Set(Object.keys(ERROR_CATALOG));
    const variables = new Set(
      SCHEMA_FIELDS.map(({ path }) => `UNSTALE_${path.replaceAll('.', '_').toUpperCase()}`),
    );
    const readerCodes = (await readRepository('src/reader/errors.ts')).match(/\bUNSTALE_READER_\w+/g) ?? [];
    const others = [
      ...readerCodes,
      'UNSTALE_TOKEN',
      'UNSTALE_RUN_DIR',
      'UNSTALE_LOG_DIR',
      'UNSTALE_TEST_MYSQL_URL',
      'UNSTALE_TEST_REDIS_URL',
      'UNSTALE_TEST_EVERYWHERE',
      'UNSTALE_SOAK_MINUTES',
    ];
    const isKnown = (name: string): boolean =>
      codes.has(name) || variables.has(name) || others.includes(name);
    expect(unknown(rows, /\bUNSTALE_[A-Z_]*[A-Z]\b/g, isKnown)).toEqual([]);
  });

  it('of metrics exist', () => {
    const metrics = createMetrics({ clientId: 'shop' }).registry.getMetricsAsArray();
    // The alias in a statement of lookups is no metric.
    const names = new Set([...metrics.map(({ name }) => name), 'unstale_lookup']);
    const isKnown = (name: string): boolean =>
      names.has(name.replace(/_(bucket|sum|count)$/, '')) || names.has(name);
    expect(unknown(rows, /(?<!#)\bunstale_[a-z_]*[a-z]\b/g, isKnown)).toEqual([]);
  });

  it('of configuration fields exist', () => {
    const fields = new Set(SCHEMA_FIELDS.map(({ path }) => path));
    const sections = [...fields].filter(
      (path) => /^[a-z]+$/.test(path) && [...fields].some((one) => one.startsWith(`${path}.`)),
    );
    expect(sections).toContain('source');
    const spans = code.filter(
      ({ kind, text }) => kind === 'span' && sections.includes(text.split('.')[0] ?? ''),
    );
    const named = spans.map((span) => ({ ...span, text: /^[\w.]+/.exec(span.text)?.[0] ?? '' }));
    expect(named.length).toBeGreaterThan(100);
    expect(unknown(named, /^[a-z]+\.[a-z_.]+$/g, (name) => fields.has(name))).toEqual([]);
  });

  it('of documents in the hints of errors exist', () => {
    const told = Object.entries(ERROR_CATALOG).map(([file, { hint }]) => ({ file, line: 0, text: hint }));
    expect(unknown(told, /\bdocs\/[\w-]+\.\w+/g, (name) => isInRepository(name))).toEqual([]);
  });

  it('of files of this repository exist', () => {
    const spans = code.filter(({ kind }) => kind === 'span');
    const pattern = /^(?:test|src|docs|deploy|config|scripts|bench)\/[\w./-]+\.\w+$/g;
    expect(unknown(spans, pattern, (name) => isInRepository(name))).toEqual([]);
  });
});

/** What the commands that stay do here. */
const NOTHING: Parameters<typeof createProgram>[0] = {
  run: () => Promise.resolve(),
  start: () => Promise.resolve(),
};

/** Every command that can be called, with the words that call it. */
function commandsOf(parent: Command, words: readonly string[] = []): [name: string, command: Command][] {
  return parent.commands.flatMap((command) => {
    const path = [...words, command.name()];
    return [[path.join(' '), command] as [string, Command], ...commandsOf(command, path)];
  });
}

/** What the program says against a command line, without running anything. */
async function refusal(args: readonly string[]): Promise<string | undefined> {
  const program = createProgram(NOTHING);
  for (const [, command] of commandsOf(program)) {
    command.action(() => undefined);
    command.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  }
  program.configureOutput({ writeOut: () => undefined, writeErr: () => undefined });
  try {
    await program.parseAsync([...args], { from: 'user' });
  } catch (error) {
    if (!(error instanceof CommanderError)) throw error;
    if (error.exitCode !== 0) return `${error.message} (${error.code})`;
  }
  return undefined;
}

describe('the command line', () => {
  const calls = code.flatMap((place) => unstaleCalls(place.text).map((args) => ({ place, args })));
  const commands = commandsOf(createProgram(NOTHING)).filter(([name]) => name !== 'help');

  it('is called in the documents as the program takes it', async () => {
    expect(calls.length).toBeGreaterThan(30);
    const refused: string[] = [];
    for (const { place, args } of calls) {
      const problem = await refusal(args);
      // A sentence names a command without what it needs; what stands for a value, such as POSITION, is none.
      const isNamed =
        (place.kind === 'span' && /\(commander\.\w*missing\w*\)$/i.test(problem ?? '')) ||
        (args.some((arg) => /^[A-Z_]+$/.test(arg)) &&
          (problem ?? '').endsWith('(commander.invalidArgument)'));
      if (problem !== undefined && !isNamed) refused.push(at(place, `unstale ${args.join(' ')}: ${problem}`));
    }
    expect(refused).toEqual([]);
  });

  it.each(commands)('%s is in the README or the documents', (name) => {
    const words = name.split(' ');
    const isCalled = calls.some(
      ({ place, args }) => place.file.endsWith('.md') && words.every((word, index) => args[index] === word),
    );
    expect(isCalled).toBe(true);
  });

  it.each(commands.filter(([, command]) => command.commands.length === 0))(
    '%s shows an example in its help',
    (name, command) => {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
      const examples = [...help.matchAll(/^ *\$ (.*)$/gm)].flatMap(([, line = '']) => unstaleCalls(line));
      expect(examples.some((args) => args.join(' ').startsWith(name))).toBe(true);
    },
  );

  it('is called in the examples of its help as it takes it', async () => {
    const refused: string[] = [];
    for (const [name, command] of commands) {
      let help = '';
      command.configureOutput({ writeOut: (text) => (help += text) });
      command.outputHelp();
      for (const [, line = ''] of help.matchAll(/^ *\$ (.*)$/gm))
        for (const args of unstaleCalls(line)) {
          const problem = await refusal(args);
          if (problem !== undefined) refused.push(`${name} --help: ${line}: ${problem}`);
        }
    }
    expect(refused).toEqual([]);
  });
});

describe('docs/errors.md', () => {
  const errors = documents.find(({ file }) => file === 'docs/errors.md');

  it.each(Object.keys(ERROR_CATALOG))('%s has its meaning, a decision and a command', (name) => {
    const index = errors?.headings.findIndex(({ text }) => text === name) ?? -1;
    const heading = errors?.headings[index];
    expect(heading, `docs/errors.md has no heading ${name}`).toBeDefined();
    const end = errors?.headings[index + 1]?.line ?? Number.POSITIVE_INFINITY;
    const section = (errors?.rows ?? []).filter(({ line }) => line > (heading?.line ?? 0) && line < end);
    const meaning = section.find(({ text }) => text !== '')?.text ?? '';
    const missing = [
      ...(/^[A-Z`]/.test(meaning) ? [] : ['a first paragraph that says what it means']),
      ...(['retry', 'fatal', 'poisoned'].some((word) =>
        section.some(({ text }) => text.startsWith(`**${word}**, exit code `)),
      )
        ? []
        : ['a line that begins with its directive: **fatal**, exit code 3: …']),
      ...(section.some(({ text }) => text.startsWith('**You:** '))
        ? []
        : ['a paragraph that begins with **You:**']),
      ...(section.some(({ text }) => /^\*\*Type:\*\* .*`.+`/.test(text))
        ? []
        : ['a line that begins with **Type:** and holds a `command`']),
    ];
    expect(missing, `docs/errors.md:${heading?.line}`).toEqual([]);
  });
});
