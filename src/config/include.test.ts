import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import type { Config } from './config.ts';
import { ConfigError, formatProblem } from './errors.ts';
import { loadConfig } from './load.ts';

const HEAD = `client_id: shop
source: {url: "mysql://unstale@db"}
redis: {url: "redis://cache"}
`;
const USERS = 'rules: [{table: shop.users, key: "user:{id}"}]\n';
const ORDERS = 'rules:\n  - table: shop.orders\n    key: order:{id}\n';

let directory = '';

beforeEach(async () => {
  directory = await mkdtemp(join(tmpdir(), 'unstale-include-'));
});

afterEach(async () => {
  await rm(directory, { recursive: true });
});

async function load(
  text: string,
  files: Readonly<Record<string, string>> = {},
  env: Readonly<Record<string, string>> = {},
): Promise<Config> {
  for (const [name, content] of Object.entries({ ...files, 'shop.yaml': `${HEAD}${text}` })) {
    await mkdir(dirname(join(directory, name)), { recursive: true });
    await writeFile(join(directory, name), content);
  }
  return loadConfig({ file: join(directory, 'shop.yaml'), env });
}

const idsOf = (config: Config): string[] => config.rules.map(({ id }) => id);

/** The lines that a user reads, without the directory of the test. */
async function problemsOf(...load_: Parameters<typeof load>): Promise<string[]> {
  try {
    await load(...load_);
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    return error.problems.map((problem) => formatProblem(problem).replace(`${directory}/`, ''));
  }
  return [];
}

describe('include', () => {
  it('adds the rules of other files behind those of the configuration file, which need not have any', async () => {
    const both = await load(`include: [more.yaml]\n${USERS}`, { 'more.yaml': ORDERS });
    expect(both.plan.interests.named.map(({ table }) => table.table)).toEqual(['users', 'orders']);
    expect(idsOf(both)).toEqual(['rules[0]', 'more.yaml:rules[0]']);
    expect(both.files).toEqual([join(directory, 'shop.yaml'), join(directory, 'more.yaml')]);
    expect(both.directories).toEqual([directory]);
    expect(idsOf(await load('include: [more.yaml]'))).toEqual(['more.yaml:rules[0]']);
  });

  it('takes globs, whose files come sorted by name, none of them hidden', async () => {
    const files = {
      'rules/b.yaml': ORDERS,
      'rules/a.yaml': USERS,
      'rules/.#a.yaml': 'no yaml: [',
      'rules/c.yml': 'no yaml: [',
      'rules/10.yaml': 'rules: []',
    };
    const config = await load('include: ["./rules/*.yaml"]', files);
    expect(idsOf(config)).toEqual(['rules/a.yaml:rules[0]', 'rules/b.yaml:rules[0]']);
    expect(config.files.map((file) => file.slice(directory.length))).toEqual([
      '/shop.yaml',
      '/rules/10.yaml',
      '/rules/a.yaml',
      '/rules/b.yaml',
    ]);
    expect(config.directories).toEqual([join(directory, 'rules')]);
  });

  it('takes a glob for a directory, of which only those count that have the file', async () => {
    const files = {
      'teams/b/rules.yaml': ORDERS,
      'teams/a/rules.yaml': USERS,
      'teams/c/other.yaml': 'no yaml: [',
      'teams/readme': '',
    };
    const config = await load('include: ["teams/*/rules.yaml"]', files);
    expect(idsOf(config)).toEqual(['teams/a/rules.yaml:rules[0]', 'teams/b/rules.yaml:rules[0]']);
    expect(config.directories).toContain(join(directory, 'teams'));
    expect(config.directories).toContain(join(directory, 'teams/c'));
  });

  it('accepts a glob that matches nothing, but no directory that is not there', async () => {
    const config = await load(`include: ["rules/*.yaml"]\n${USERS}`, { 'rules/readme': '' });
    expect(idsOf(config)).toEqual(['rules[0]']);
    expect(config.directories).toEqual([join(directory, 'rules')]);
    expect(await problemsOf(`include: ["rulse/*.yaml"]\n${USERS}`)).toEqual([
      'shop.yaml:4:12  include[0]  its directory cannot be read (ENOENT)  → name a readable directory',
    ]);
  });

  it('reads a file once, however often and under whatever name it is included', async () => {
    await mkdir(join(directory, 'rules'));
    await symlink('a.yaml', join(directory, 'rules/b.yaml'));
    const text = 'include: ["rules/*.yaml", rules/a.yaml, "*/a.yaml", "*.yaml"]';
    expect(idsOf(await load(text, { 'rules/a.yaml': USERS }))).toEqual(['rules/a.yaml:rules[0]']);
  });

  it('takes absolute names', async () => {
    const file = join(directory, 'elsewhere/more.yaml');
    await mkdir(dirname(file));
    await writeFile(file, ORDERS);
    expect(idsOf(await load(`include: ["${file}"]`))).toEqual([`${file}:rules[0]`]);
    expect(idsOf(await load(`include: ["${dirname(file)}/m*.yaml"]`))).toEqual([`${file}:rules[0]`]);
  });

  it('replaces variables in its own entries and in the files, but takes no values from above for them', async () => {
    const env = { TEAM: 'a', TABLE: 'shop.users', UNSTALE_INCLUDE: 'x', UNSTALE_RULES: 'x' };
    const config = await load(
      'include: ["${TEAM}.yaml"]',
      { 'a.yaml': 'rules: [{table: "${TABLE}", key: "user:{id}"}]' },
      env,
    );
    expect(config.plan.interests.named.map(({ table }) => table)).toEqual([
      { schema: 'shop', table: 'users' },
    ]);
    expect(await problemsOf('include: ["${TEAM}.yaml"]', {}, { TEAM: 'a' })).toEqual([
      'a.yaml:1:18  rules[0].table  the environment variable TABLE is not set  → set it, or write ${TABLE:-default}',
    ]);
  });
});

describe('the problems of included files', () => {
  it('name the file, the place in it and the path in it, behind those of the configuration file', async () => {
    const files = {
      'rules/a.yaml': 'rules:\n  - table: users\n    key: "user:{id"\n',
      'rules/b.yaml': 'rules:\n  - table: shop.orders\n    keey: order:{id}\n',
    };
    expect(await problemsOf('include: ["rules/*.yaml"]\nlog: {level: loud}', files)).toEqual([
      'shop.yaml:5:14  log.level  is not one of debug, info, warn, error  → write one of them',
      expect.stringMatching(/^rules\/a\.yaml:2:12 {2}rules\[0\]\.table {2}is not a table {2}→ write/),
      expect.stringMatching(/^rules\/a\.yaml:3:16 {2}rules\[0\]\.key {2}an opening brace .* → write/),
      'rules/b.yaml:2:5  rules[0].key  the rule names no key  → write for example key: user:{id}, or keys with a list',
      'rules/b.yaml:3:5  rules[0].keey  is an unknown field  → did you mean key?',
    ]);
  });

  it.each([
    ['', '1:1  rules  the file has no rules  → write rules: with a list, or rules: [] for none'],
    ['# rules:', '1:1  rules  the file has no rules  → write rules: with a list, or rules: [] for none'],
    ['rules:', '1:1  rules  has no value  → write a value ("" for the empty text), or remove the field'],
    ['- table: shop.orders', '1:1  is a list, not a map of fields  → write rules: on a line above the list'],
    ['text', '1:1  must be a map of fields  → write indented lines "name: value"'],
    [
      `redis: {}\n${ORDERS}`,
      '1:1  redis  only rules may stand in an included file  → move it into the configuration file itself',
    ],
    [
      `include: [x]\n${ORDERS}`,
      '1:1  include  an included file cannot include others  → name the files in the configuration file itself',
    ],
    [`rulez: []\n${ORDERS}`, '1:1  rulez  is an unknown field  → did you mean rules?'],
    [`other: []\n${ORDERS}`, '1:1  other  is an unknown field  → only rules is known here'],
    [
      'rules: [',
      '1:9  the indentation is wrong, or a bracket above is not closed  → align the fields of one map in one column, and close brackets',
    ],
    [
      `rules:\n  - {table: shop.users, key: "user:{id}"}`,
      '2:5  rules[0]  does the same as rules[0]  → remove one of the two',
    ],
  ])('%j has its place and remedy', async (content, problem) => {
    expect(await problemsOf(`include: [more.yaml]\n${USERS}`, { 'more.yaml': content })).toEqual([
      `more.yaml:${problem}`,
    ]);
  });

  it('name the twin of a rule with its file', async () => {
    expect(await problemsOf('include: [a.yaml, b.yaml]', { 'a.yaml': USERS, 'b.yaml': USERS })).toEqual([
      'b.yaml:1:9  rules[0]  does the same as a.yaml:rules[0]  → remove one of the two',
    ]);
  });

  it.each([
    ['include: more.yaml', '4:10  include  must be a list'],
    ['include: [""]', '4:12  include[0]  is empty'],
    ['include: [{a: b}]', '4:11  include[0]  must be a single value'],
    [
      'include: [missing.yaml]',
      '4:11  include[0]  names a file that cannot be read (ENOENT)  → name readable',
    ],
    ['include: [rules]', '4:11  include[0]  names something that is not a file  → name files, as in'],
    ['include: ["*"]', '4:12  include[0]  names something that is not a file'],
    ['include: ["**/*.yaml"]', '4:12  include[0]  ** is not available  → write * for each level'],
    ['include: ["[z-a].yaml"]', '4:12  include[0]  is no pattern for files  → close every bracket'],
    ['include: [shop.yaml]', '4:11  include[0]  the file includes itself  → remove it'],
    ['include: [/dev/zero]', '4:11  include[0]  names something that is not a file'],
    ['include: [large]', '4:11  include[0]  names a file that is larger than 1 MiB'],
  ])('%s is refused', async (line, problem) => {
    const [first, ...others] = await problemsOf(`${line}\n${USERS}`, {
      'rules/a.yaml': ORDERS,
      ...(line.includes('large') ? { large: ' '.repeat(1024 * 1024 + 1) } : {}),
    });
    expect(first).toContain(`shop.yaml:${problem}`);
    expect(others).toEqual([]);
  });

  it('does not say that there are no rules where a file of rules is missing', async () => {
    expect(await problemsOf('include: [missing.yaml]')).toHaveLength(1);
    expect(await problemsOf('include: ["*.none"]')).toEqual([expect.stringContaining('there are no rules')]);
  });

  it('never repeats the name of a file, which may be a misplaced secret', async () => {
    for (const value of [
      'hunter2',
      '/x/hunter2',
      'hunter2/*',
      '**hunter2/**',
      '[z-a]hunter2',
      '../hunter2',
    ]) {
      const [problem = ''] = await problemsOf('include: ["${SECRET}"]', {}, { SECRET: value });
      expect(problem).toMatch(/^shop\.yaml:4:1\d {2}\S/);
      expect(problem).not.toContain('hunter2');
    }
  });

  it('bounds the values of all files together', async () => {
    const items = (text: string, times: number): string => Array.from({ length: times }, () => text).join();
    const half = `rules: [&x [${items('1', 250)}], ${items('*x', 200)}]`;
    const problems = await problemsOf('include: ["*.rules"]', { 'a.rules': half, 'b.rules': half });
    expect(problems).toContain(
      'b.rules:1:1  holds too many values  → write at most 100000 values in all files together, and fewer aliases of aliases',
    );
    expect(problems.filter((problem) => problem.startsWith('b.rules'))).toHaveLength(1);
  });

  it('bounds the number of files', async () => {
    const files = Object.fromEntries(Array.from({ length: 1001 }, (_, n) => [`r/${n}`, 'rules: []']));
    expect(await problemsOf(`include: ["r/*"]\n${USERS}`, files)).toEqual([
      'shop.yaml:4:12  include[0]  names too many files  → include at most 1000 files; one may hold many rules',
    ]);
  });
});
