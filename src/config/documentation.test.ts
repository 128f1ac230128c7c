import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { loadText } from '../../test/support/config-text.ts';
import { SCHEMA_FIELDS } from './schema-paths.ts';

const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';
const ENV = {
  MYSQL_PASSWORD: 'm',
  STATE_PASSWORD: 's',
  REDIS_PASSWORD: 'r',
  READER_PASSWORD: 'q',
  UNSTALE_TOKEN: 'a-token-of-the-shop',
};
const FILES = {
  'secrets/mysql-password': 'p',
  'secrets/redis-password': 'p',
  'secrets/ca.pem': PEM,
  'rules/readme': '',
  'teams/shop/unstale.yaml': 'rules: []',
  'extra-rules.yaml': 'rules: []',
};
const BASE: Readonly<Record<string, string>> = {
  client_id: 'client_id: shop',
  source: 'source: {url: "mysql://unstale@db"}',
  redis: 'redis: {url: "redis://cache"}',
  rules: 'rules: [{table: shop.users, key: "user:{id}"}]',
};

const read = (name: string): Promise<string> => readFile(new URL(`../../${name}`, import.meta.url), 'utf8');
const reference = await read('docs/configuration.md');
const examplesOf = (text: string): string[] =>
  [...text.matchAll(/```yaml\n(.*?)```/gs)].map(([, example = '']) => example);
const examples = [...examplesOf(reference), ...examplesOf(await read('docs/mapping.md'))];

describe('docs/configuration.md and docs/mapping.md', () => {
  it('has examples', () => {
    expect(examples.length).toBeGreaterThan(5);
  });

  it.each(examples.map((text) => [text.split('\n')[0], text]))(
    'the example that begins with "%s" loads',
    async (_, text) => {
      const missing = Object.entries(BASE).flatMap(([name, line]) =>
        new RegExp(`^${name}:`, 'm').test(text) ? [] : [line],
      );
      await loadText([text, ...missing].join('\n'), { env: ENV, files: FILES });
    },
  );

  it.each(SCHEMA_FIELDS.filter(({ kind }) => kind !== 'section').map(({ path }) => [path]))(
    'mentions %s',
    (path) => {
      // A list itself has its own heading.
      expect(reference).toMatch(new RegExp(`\`${path.replace(/[.[\]]/g, '\\$&')}(?:\`|:)`));
    },
  );

  it('mentions no field that does not exist', () => {
    const known = new Set(SCHEMA_FIELDS.map(({ path }) => path));
    const mentioned = [...reference.matchAll(/^\| (`.*?) \|/gm)].flatMap(([, cell = '']) =>
      [...cell.matchAll(/`([a-z_]+(?:\[\])?(?:\.[a-z_]+)*)/g)].map(([, path = '']) => path),
    );
    expect(mentioned.length).toBeGreaterThan(60);
    expect(mentioned.filter((path) => !known.has(path) && path !== 'none')).toEqual([]);
  });
});

describe('config/example.yaml', () => {
  it('loads, and the values that it shows as defaults are the defaults', async () => {
    const text = await read('config/example.yaml');
    const { plan, rules, source, ...config } = await loadText(text, { env: ENV });
    const {
      plan: barePlan,
      rules: bareRules,
      source: bareSource,
      ...bare
    } = await loadText(
      'client_id: shop\nsource: {url: "mysql://unstale@127.0.0.1:3306", password: m}\n' +
        'redis: {url: "redis://127.0.0.1:6379/0"}\nrules: [{table: shop.users, key: "user:{id}"}]',
    );
    expect({ ...config, file: '', files: [] }).toEqual({ ...bare, file: '', files: [] });
    expect(source).toEqual(bareSource);
    expect(plan.rules).toBe(rules);
    expect(rules).toHaveLength(12);
    expect(barePlan.rules).toBe(bareRules);
    expect(bareRules).toHaveLength(1);
  });

  it('mentions every field of this version', async () => {
    const text = await read('config/example.yaml');
    const fields = SCHEMA_FIELDS.flatMap(({ path, kind }) =>
      kind === 'value' ? [path.split('.').at(-1) ?? ''] : [],
    );
    const optional = new Set(['guard', 'barrier', 'action', 'port', 'db']);
    expect(fields.filter((name) => !optional.has(name) && !text.includes(name))).toEqual([]);
  });
});
