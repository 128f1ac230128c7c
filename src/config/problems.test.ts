import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { loadText, problemsOf } from '../../test/support/config-text.ts';
import type { ConfigText } from '../../test/support/config-text.ts';
import { ConfigError, formatProblem } from './errors.ts';
import { SCHEMA_FIELDS } from './schema-paths.ts';

const VALID = `client_id: shop
source:
  url: mysql://unstale@db
  password: \${PASSWORD:-none}
redis:
  url: redis://cache
rules:
  - table: shop.users
    key: user:{id}
  - table: shop.orders
    keys: ["order:{id}", "orders:{user_id}"]
    on: [insert, update]
`;

/** The problems as `line:column path`, or with the name of the place where there is no line. */
async function places(text: string, options?: ConfigText): Promise<string[]> {
  const problems = await problemsOf(text, options);
  return problems.map(({ file, line, column, path }) =>
    line === undefined ? `${file} ${path}` : `${line}:${column} ${path}`,
  );
}

async function messages(text: string, options?: ConfigText): Promise<string> {
  return (await problemsOf(text, options)).map(formatProblem).join('\n');
}

/** The valid configuration with one more line in a section. */
function with_(section: string, line: string): string {
  return VALID.replace(`${section}:\n`, `${section}:\n  ${line}\n`);
}

describe('the problems of a configuration', () => {
  it('are listed all at once, in the order of the file, one a line with place, field and remedy', async () => {
    const text = `client_id: "sh op"
source:
  urll: x
  url: mysql://unstale@db/shop
  password: \${NOPE}
  heartbeat_interval: 5
  ssl_mode: VERIFY_CA
  ssl_ca: missing.pem
redis:
  command_timeout: 5s 
  cluster: [a]
guard: leese
rules:
  - table: users
    key: "user:{id|uper}"
  - table: shop.*
    keys: []
    actoin: x
  - key: {id}
  -
  - table: shop.users
    key: u:{a}{b}
    keys: ["x:{b}", "x:{b}"]
  - table: shop.orders
    key: o:{id}
    on: [insert, updat]
  - table: shop.users
    key: u:{id}
  - table: shop.users
    key: u:{id}
client_id: again
log: [a]
`;
    const expected: readonly [place: string, ...parts: string[]][] = [
      ['1:13 client_id', '1 to 64 letters'],
      ['3:3 source.urll', 'unknown field', 'did you mean url?'],
      ['4:8 source.url', 'names a database'],
      ['5:13 source.password', 'NOPE is not set', '${NOPE:-default}'],
      ['6:23 source.heartbeat_interval', 'needs a unit', 'write 5s'],
      ['7:13 source.ssl_mode', 'did you mean verify_ca?'],
      ['8:11 source.ssl_ca', 'ENOENT'],
      ['11:13 redis.cluster[0]', 'not the address of a server', 'HOST:PORT'],
      ['12:8 guard', 'is not one of none, lease, version', 'did you mean lease?'],
      ['14:12 rules[0].table', 'schema.table'],
      ['15:20 rules[0].key', 'no filter uper', 'did you mean upper?'],
      ['17:11 rules[1].keys', 'empty'],
      ['18:5 rules[1].actoin', 'did you mean action?'],
      ['19:5 rules[2].table', 'names no table'],
      ['19:10 rules[2].key', 'not a map', 'quotes'],
      ['20:4 rules[3]', 'empty list item'],
      ['22:15 rules[4].key', 'two columns'],
      ['23:5 rules[4].keys', 'exclude each other'],
      ['23:22 rules[4].keys[1]', 'twice'],
      ['26:18 rules[5].on[1]', 'did you mean update?'],
      ['29:5 rules[7]', 'the same as rules[6]'],
      ['31:1 client_id', 'written twice'],
      ['32:6 log', 'map of fields'],
    ];
    expect(await places(text)).toEqual(expected.map(([place]) => place));
    const lines = (await messages(text)).split('\n');
    for (const [index, [, ...parts]] of expected.entries()) {
      expect(lines[index]).toMatch(/^shop\.yaml:\d+:\d+ {2}\S.* {2}\S.* {2}→ \S/);
      for (const part of parts) expect(lines[index]).toContain(part);
    }
  });

  it.each([
    ['1s', 'from 2s to 60s'],
    ['61s', 'from 2s to 60s'],
    ['2500ms', 'whole seconds'],
    ['5', 'needs a unit'],
  ])('refuse a lease of %s: %s', async (timeout, message) => {
    expect(await messages(`${VALID}state: {lease_timeout: ${timeout}}\n`)).toContain(message);
    expect(await messages(`${VALID}state: {lease_timeout: 1m}\n`)).toBe('');
  });

  it('name what is missing where it belongs', async () => {
    expect(await places('log: {level: info}')).toEqual([
      '1:1 client_id',
      '1:1 source.url',
      '1:1 redis.url',
      '1:1 rules',
    ]);
    expect(await places('')).toHaveLength(4);
    expect(await places(VALID.replace('  url: mysql://unstale@db\n', '  host: db\n'))).toEqual([
      '2:1 source.user',
    ]);
    expect(await places(VALID.replace('    key: user:{id}\n', ''))).toEqual(['8:5 rules[0].key']);
    expect(await places(VALID.replace(/rules:[^]*/, 'rules: []'))).toEqual(['7:8 rules']);
    expect(await places(VALID.replace(/rules:[^]*/, 'rules:'))).toEqual(['7:1 rules']);
  });

  it('do not include what is missing only because it is wrong', async () => {
    const text = `client_id: [a]
source: {url: "\${NOPE}", user: [u]}
redis: {url: [1]}
rules: x
`;
    expect(await places(text)).toEqual([
      '1:12 client_id',
      '2:16 source.url',
      '2:32 source.user',
      '3:14 redis.url',
      '4:8 rules',
    ]);
  });

  it('point into quoted text, into a list and behind an interpolated variable to the value', async () => {
    expect(await places(VALID.replace('"orders:{user_id}"', '"orders:{user_id.}"'))).toEqual([
      '11:35 rules[1].keys[1]',
    ]);
    expect(await places(VALID.replace('key: user:{id}', 'key: ${P:-user}:{id'))).toEqual([
      '9:10 rules[0].key',
    ]);
  });

  it('of values from above name the variable or the command line', async () => {
    const env = { UNSTALE_LOG_LEVEL: 'loud', UNSTALE_REDIS_URL: 'http://x' };
    const overrides = { 'source.port': 'x', 'log.format': 'xml', 'log.levle': 'info', rules: '[]' };
    const problems = await places(VALID, { env, overrides });
    expect(problems.toSorted()).toEqual([
      'UNSTALE_LOG_LEVEL log.level',
      'UNSTALE_REDIS_URL redis.url',
      'command line log.format',
      'command line log.levle',
      'command line rules',
      'command line source.port',
    ]);
    expect(await messages(VALID, { env, overrides })).toContain('did you mean log.level?');
  });

  it.each([
    ['source', 'silence_timeout: 5s', 'not longer than the heartbeat'],
    ['source', 'heartbeat_interval: 0s', 'longer than 0'],
    ['source', 'server_id: 0', 'from 1 to 4294967295'],
    ['source', 'server_id: 4294967296', 'from 1 to 4294967295'],
    ['source', 'port: 0x10', 'from 1 to 65535'],
    ['source', 'password_file: p', 'exclude each other'],
    ['source', 'password:', 'written twice'],
    ['source', 'user:', 'has no value'],
    ['source', 'user: ""', 'is empty'],
    ['source', 'user: [a]', 'single value, not a list'],
    ['source', 'ssl_cert: cert', 'without its key'],
    ['source', 'ssl_key: key', 'without its certificate'],
    ['source', 'ssl_ca: text', 'not in PEM'],
    ['source', 'init_position: yesterday', 'not a position'],
    ['source', 'max_buffered_bytes: 0KiB', 'larger than 0'],
    ['source', 'barrier: sourc', 'did you mean source'],
    ['source', 'barrier: {a: b}', 'single value, not a map'],
    ['source', 'barrier:', 'has no value'],
    ['source', 'barrier: []', 'the list is empty'],
    ['source', 'barrier: ["mysql://a", ""]', 'source.barrier[1]  is empty'],
    ['source', 'barrier: ["mysql://a", [b]]', 'source.barrier[1]  must be a single value'],
    ['source', 'barrier: ["mysql://a", "redis://b"]', 'source.barrier[1]  is not a MySQL URL'],
    ['source', 'barrier: ["mysql://a/shop"]', 'names a database'],
    ['source', 'barrier: ["mysql://"]', 'names no host'],
    ['source', 'barrier: ["mysql://a", "mysql://A:3306"]', 'stands twice'],
    ['source', `barrier: [${Array.from({ length: 17 }, (_, n) => `"mysql://a${n}"`).join()}]`, 'at most 16'],
    ['source', 'barrier: ["mysql://u:geheim@a:port"]', 'not a valid URL'],
    ['redis', 'tls: {ca: cert}', 'rediss://'],
    ['redis', 'tls: {cert: cert}', 'without its key'],
    ['redis', 'tls: {key: key}', 'without its certificate'],
    ['redis', 'tls: {reject_unauthorized: no}', 'true or false'],
    ['redis', 'db: -1', 'from 0'],
    ['redis', 'scope_scan_rate: 999', 'from 1000'],
    ['redis', 'scope_scan_rate: 1e6', 'or unlimited'],
  ])('in %s, %s is refused: %s', async (section, line, message) => {
    const files = { p: 'x', cert: '-----BEGIN X-----', key: '-----BEGIN X-----', text: 'no' };
    expect(await messages(with_(section, line), { files })).toContain(message);
  });

  it('do not include an ssl file that has no effect silently', async () => {
    const text = with_('source', 'ssl_ca: ca\n  ssl_mode: disabled');
    expect(await messages(text, { files: { ca: '-----BEGIN X-----' } })).toContain('no effect');
  });

  it('say that host and socket_path exclude each other, and sockets and TLS', async () => {
    expect(await messages(with_('source', 'host: db\n  socket_path: /x'))).toContain('exclude each other');
    const text = VALID.replace('url: redis://cache', 'socket_path: /x\n  tls: {}');
    expect(await messages(text)).toContain('a socket takes no TLS');
  });
});

describe('text that is not YAML', () => {
  it.each([
    ['client_id: "shop', 'closing quote'],
    ['client_id: shop\nrules: [\n', 'bracket'],
    ['client_id: shop\nsource:\n\turl: x', 'tab'],
    ['client_id: *shop', 'alias'],
    ['client_id: shop\n---\nclient_id: b', 'second YAML document'],
    ['client_id: !!int 3', 'tag'],
    ['client_id: `shop`', 'reserved'],
    ['? [a]\n: b', 'not a single word'],
    ['a: &a\n  b: *a', 'nested too deeply'],
    [`a: ${'['.repeat(20_000)}`, 'nested too deeply'],
  ])('%j is refused with its place', async (text, message) => {
    const problems = await problemsOf(text);
    expect(problems.map(formatProblem).join('\n')).toContain(message);
    expect(problems.some(({ line }) => line !== undefined && line <= text.split('\n').length)).toBe(true);
  });

  it('is reported together with what is wrong before it, but not with its own echo', async () => {
    const text = VALID.replace('  url: redis', '  urll: redis').replace(
      '    on: [insert, update]',
      '    on: [insert',
    );
    expect(await places(text)).toEqual(['6:3 redis.urll', expect.stringMatching(/^1[23]:\d+ $/)]);
  });

  it('is refused when aliases multiply without end', async () => {
    const lines = ['a0: &a0 [x, x, x, x, x, x, x, x, x, x]'];
    for (let level = 1; level < 10; level += 1) {
      lines.push(`a${level}: &a${level} [${Array.from({ length: 10 }, () => `*a${level - 1}`).join(', ')}]`);
    }
    expect(await messages(lines.join('\n'))).toContain('holds too many values');
  });
});

describe('for any text', () => {
  const yamlish = fc.string({
    unit: fc.oneof(
      fc.constantFrom(...Array.from('{}[]:,#&*!|>\'"%@`-? \n\t$')),
      fc.constantFrom(
        'client_id: ',
        'source:\n  ',
        'rules:\n  - ',
        'key: ',
        '${A}',
        '<<: ',
        '__proto__: ',
        '---\n',
        'url: ',
      ),
      fc.string({ maxLength: 3, unit: 'grapheme' }),
    ),
    maxLength: 40,
  });
  const mutated = fc
    .tuple(
      fc.array(
        fc.tuple(
          fc.nat(VALID.length),
          fc.nat(6),
          yamlish.map((text) => text.slice(0, 6)),
        ),
        { minLength: 1, maxLength: 4 },
      ),
    )
    .map(([cuts]) => {
      let text = VALID;
      for (const [at, length, insert] of cuts) text = text.slice(0, at) + insert + text.slice(at + length);
      return text;
    });

  it('the loader returns a configuration or throws a ConfigError with problems, and nothing else', async () => {
    await fc.assert(
      fc.asyncProperty(fc.oneof(yamlish, mutated), async (text) => {
        try {
          expect((await loadText(text)).plan.rules.length).toBeGreaterThan(0);
        } catch (error) {
          if (!(error instanceof ConfigError)) throw error;
          expect(error.problems.length).toBeGreaterThan(0);
          expect(error.message.split('\n')).toHaveLength(error.problems.length);
        }
      }),
      { numRuns: 400 },
    );
  });

  it('no message holds a secret, wherever it was put by mistake', async () => {
    const secret = 'hunter2-7391';
    const fields = SCHEMA_FIELDS.flatMap(({ path, kind }) =>
      kind === 'value' && !path.startsWith('rules') ? [path] : [],
    );
    for (const path of fields) {
      for (const value of [secret, '73917391', `mysql://u:${secret}@/x?y`, `redis://:${secret}@h/x`]) {
        const viaFile = path.split('.').reduceRight((inner, name) => `{${name}: ${inner}}`, '"${SECRET}"');
        const texts = [await messages(viaFile.slice(1, -1), { env: { SECRET: value } })];
        texts.push(await messages(VALID, { overrides: { [path]: value } }));
        for (const text of texts) expect(text).not.toMatch(/hunter2|73917391/);
      }
    }
  });
});
