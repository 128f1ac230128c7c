import { readdir, readFile } from 'node:fs/promises';
import { Ajv } from 'ajv';
import { describe, expect, it } from 'vitest';
import { parse } from 'yaml';
import * as z from 'zod';
import { configJsonSchema } from '../../scripts/schema/json-schema.ts';
import { SCHEMA_FIELDS } from '../../src/config/schema-paths.ts';

const ROOT = new URL('../../', import.meta.url);
const read = (name: string): Promise<string> => readFile(new URL(name, ROOT), 'utf8');

const shape = z.object({
  properties: z.record(z.string(), z.unknown()).optional(),
  items: z.unknown().optional(),
  description: z.string().optional(),
});
const reference = await read('docs/configuration.md');
const committed = z
  .record(z.string(), z.unknown())
  .parse(JSON.parse(await read('config/unstale.schema.json')));
const validate = new Ajv({ allErrors: true, allowUnionTypes: true }).compile(committed);

/** What an editor says of a text. */
function errorsOf(text: string): string[] {
  if (validate(parse(text))) return [];
  return (validate.errors ?? []).map((error) => `${error.instancePath} ${error.message}`);
}

/** Configurations, whole or in part, of config/ and of the documents. */
async function examples(): Promise<[name: string, text: string][]> {
  const found: [string, string][] = [];
  for (const name of await readdir(new URL('config/', ROOT))) {
    if (name.endsWith('.yaml')) found.push([`config/${name}`, await read(`config/${name}`)]);
  }
  const documents = ['README.md', ...(await readdir(new URL('docs/', ROOT))).map((name) => `docs/${name}`)];
  for (const name of documents.filter((one) => one.endsWith('.md'))) {
    for (const [, text = ''] of (await read(name)).matchAll(/^```yaml\n(.*?)^```/gms)) {
      if (/^(?:client_id|rules|source|redis|include):/m.test(text)) found.push([name, text]);
    }
  }
  return found;
}

const found = await examples();

describe('config/unstale.schema.json', () => {
  it('is what npm run schema writes', () => {
    expect(committed).toEqual(JSON.parse(JSON.stringify(configJsonSchema(reference))));
  });

  it.each(found)('accepts an example of %s', (_, text) => {
    expect(errorsOf(text)).toEqual([]);
  });

  it('has every field of this version with a description, and no other field', () => {
    const described = new Map<string, string>();
    const walk = (node: unknown, path: string): void => {
      const { properties, items } = shape.parse(node);
      for (const [name, field] of Object.entries(properties ?? {})) {
        const fieldPath = path === '' ? name : `${path}.${name}`;
        described.set(fieldPath, shape.parse(field).description ?? '');
        if (!['rules[].when', 'rules[].value'].includes(fieldPath)) walk(field, fieldPath);
      }
      if (items !== undefined) walk(items, `${path}[]`);
    };
    walk(committed, '');
    const fields = SCHEMA_FIELDS;
    expect([...described.keys()].toSorted()).toEqual(fields.map(({ path }) => path).toSorted());
    const bare = fields.filter(
      ({ path, kind }) => kind !== 'section' && !/[a-z]{3}/.test(described.get(path) ?? ''),
    );
    expect(bare).toEqual([]);
  });

  it.each([
    'source: {port: 3306, verify_checksums: false, init_position: binlog.000042:4, barrier: ["mysql://a"]}',
    'source: {port: "3306", verify_checksums: "true", init_position: "0-1-5"}',
    'source: {port: "${PORT}", verify_checksums: "${V}", on_gap: "${G:-halt}", heartbeat_interval: "${H}"}',
    'source: {password: 0123, user: 42}',
    'redis: {scope_scan_rate: unlimited, db: 3, tls: {reject_unauthorized: false}}',
    'redis: {scope_scan_rate: 1000, tls: }',
    'state:\nlog:\nadmin:\n',
    'admin: {listen: off}',
    'admin: {listen: "[::1]:9630", token: 1234567890123456}',
    'rules: [{table: a.b, key: "a:{b}", when: {changed: [a]}, where: {old: {a: null}, b: {gte: 18}}}]',
    '{}',
  ])('accepts %j', (text) => {
    expect(errorsOf(text)).toEqual([]);
  });

  it.each([
    ['nowhere: 1', 'must NOT have additional'],
    ['source: {urll: a}', '/source must NOT have additional'],
    ['redis: {tls: {x: y}}', '/redis/tls must NOT have additional'],
    ['redis: {cluster: [a]}', '/redis/cluster/0 must match pattern'],
    ['redis: {sentinel: {nam: a}}', '/redis/sentinel must NOT have additional'],
    ['redis: {wait_replicas: 17}', '/redis/wait_replicas must be <= 16'],
    ['rules: [{tabel: a.b}]', '/rules/0 must NOT have additional'],
    ['rules: [{table: a.b, value: {column: a}}]', '/rules/0/value must NOT have additional'],
    ['rules: [{table: a.b, when: {change: [a]}}]', '/rules/0/when must NOT have additional'],
    ['rules: {table: a.b}', '/rules must be array'],
    ['rules:', '/rules must be array'],
    ['rules: [null]', '/rules/0 must be object'],
    ['include: rules/*.yaml', '/include must be array'],
    ['client_id: a b', '/client_id must match pattern'],
    ['source: {heartbeat_interval: 5}', '/source/heartbeat_interval must be string'],
    ['source: {heartbeat_interval: 5 s}', '/source/heartbeat_interval must match pattern'],
    ['source: {max_buffered_bytes: 5MB}', '/source/max_buffered_bytes must match pattern'],
    ['source: {port: 65536}', '/source/port must be <= 65535'],
    ['source: {server_id: 0}', '/source/server_id must be >= 1'],
    ['source: {hints: yes}', '/source/hints must be equal to one of'],
    ['log: {level: loud}', '/log/level must be equal to one of'],
    ['admin: {listen: 9630}', '/admin/listen must be string'],
    ['source: [a]', '/source must be object,null'],
    ['source: {password: [a]}', '/source/password must be string'],
  ])('refuses %j', (text, error) => {
    expect(errorsOf(text).join('\n')).toContain(error);
  });
});
