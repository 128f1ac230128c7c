import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { freePort } from '../../scripts/servers/free-port.ts';
import { runCli, writeConfig } from '../support/cli.ts';
import type { CliResult } from '../support/cli.ts';
import { startMysqlServer, startRedisServer } from '../support/provider.ts';
import type { TestMysqlServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { ConfigOverrides, Shop } from '../support/shop.ts';

/** Neither a stack trace nor a secret belongs into what a user reads. */
function expectCleanError(result: CliResult, code: number, ...parts: (string | RegExp)[]): void {
  for (const part of parts) expect(result.stderr).toMatch(part);
  expect(`${result.stdout}${result.stderr}`).not.toMatch(/^\s+at .*:\d+:\d+\)?$/m);
  expect(`${result.stdout}${result.stderr}`).not.toContain('top-secret');
  expect(result.code).toBe(code);
}

describe('bad input on the command line', () => {
  it('an unknown option is a usage error', async () => {
    const result = await runCli(['run', '--what']);
    expect(result.code).toBe(2);
    expect(result.stderr).toContain("unknown option '--what'");
  });

  it('a missing configuration file is named', async () => {
    expectCleanError(
      await runCli(['run', '-c', 'does-not-exist.yaml']),
      2,
      /does-not-exist\.yaml/,
      /UNSTALE_CONFIG_UNREADABLE/,
    );
  });

  it('every mistake of a file is reported at once, with line, column and field', async () => {
    const file = await writeConfig(
      [
        'client_id: shop',
        'source:',
        '  url: mysql://unstale@127.0.0.1:3306',
        '  heartbeat_intervall: 5s',
        '  password: ${UNSTALE_TEST_UNSET_VARIABLE}',
        'redis:',
        '  url: redis://127.0.0.1:6379/0',
        '  command_timeout: 5',
        'rules:',
        '  - table: users',
        '    key: "user:{id"',
      ].join('\n'),
    );
    const result = await runCli(['check', '-c', file]);
    expectCleanError(
      result,
      2,
      /UNSTALE_CONFIG_INVALID/,
      /:4:\d+\s+source\.heartbeat_intervall/,
      /heartbeat_interval\b/,
      /:5:\d+\s+source\.password/,
      /:8:\d+\s+redis\.command_timeout/,
      /:10:\d+\s+rules\[0\]\.table/,
      /:11:\d+\s+rules\[0\]\.key/,
    );
  });

  it('YAML that cannot be parsed is reported with its line', async () => {
    const file = await writeConfig('client_id: shop\nrules: [\n');
    expectCleanError(
      await runCli(['run', '-c', file]),
      2,
      /unstale\.yaml:[23]:\d+/,
      /UNSTALE_CONFIG_INVALID/,
    );
  });

  it('explain refuses what is no change, and says what to write', async () => {
    const file = await writeConfig({
      client_id: 'x',
      source: { url: 'mysql://u@127.0.0.1:1' },
      redis: { url: 'redis://127.0.0.1:1' },
      rules: [{ table: 'shop.users', key: 'user:{id}' }],
    });
    const change = { table: 'shop.users', before: { id: 7 }, after: { id: 8 } };
    expectCleanError(
      await runCli(['explain', '-c', file], { input: '{"table": 1}' }),
      2,
      /UNSTALE_USAGE/,
      /"before"/,
    );
    expectCleanError(
      await runCli(['explain', '-c', file, '--row', '{"table": "a.b", "after": {}}']),
      2,
      /shop\.users/,
    );
    const explained = await runCli(['explain', '-c', file], { input: JSON.stringify(change) });
    expect(explained).toMatchObject({ code: 0, stdout: expect.stringMatching(/user:7[\s\S]*user:8/) });
    const json = await runCli(['explain', '-c', file, '--json'], { input: JSON.stringify(change) });
    expect(JSON.parse(json.stdout)).toMatchObject([
      { op: 'update', templates: [{ keys: ['user:7', 'user:8'] }] },
    ]);
  });
});

describe.each(inject('servers').mysql)('bad input for $label', (server) => {
  let shop: Shop;

  beforeAll(async () => {
    shop = await openShop(server, inject('servers').redis.url);
  });

  afterAll(async () => {
    await shop?.close();
  });

  const run = async (overrides: ConfigOverrides): Promise<CliResult> =>
    runCli([
      'run',
      '-c',
      await writeConfig(shop.config({ ...overrides, rest: { admin: { listen: 'off' }, ...overrides.rest } })),
    ]);

  const nothingStarted = async (): Promise<void> => {
    const tables = await shop.db.query('SELECT * FROM information_schema.tables WHERE table_schema = ?', [
      shop.db.stateDatabase,
    ]);
    expect(tables).toEqual([]);
  };

  it('a wrong MySQL password', async () => {
    const url = new URL(shop.db.url);
    url.password = 'top-secret';
    expectCleanError(await run({ source: { url: url.href } }), 3, /UNSTALE_MYSQL_ACCESS_DENIED/);
    await nothingStarted();
  });

  it('a MySQL that is not there', async () => {
    const url = `mysql://unstale:top-secret@127.0.0.1:${await freePort()}`;
    expectCleanError(await run({ source: { url } }), 3, /UNSTALE_MYSQL_UNREACHABLE/, /127\.0\.0\.1/);
  });

  it('a Redis that is not there', async () => {
    const url = `redis://:top-secret@127.0.0.1:${await freePort()}`;
    expectCleanError(await run({ redis: { url, connect_timeout: '1s' } }), 3, /UNSTALE_REDIS_UNREACHABLE/);
    await nothingStarted();
  });

  it('a Redis that wants a password', async () => {
    const redis = await startRedisServer({ args: ['--requirepass', 'sesame'] });
    try {
      expectCleanError(
        await run({ redis: { url: redis.url.replace(/\/\/[^@]*@/, '//') } }),
        3,
        /UNSTALE_REDIS_AUTH/,
      );
      await nothingStarted();
    } finally {
      await redis.destroy();
    }
  });

  it('an unknown table and an unknown column, both at once', async () => {
    const rules = [
      { table: `${shop.db.name}.nowhere`, key: 'nowhere:{id}' },
      { table: `${shop.db.name}.users`, key: 'user:{idd}' },
    ];
    expectCleanError(
      await run({ rest: { rules } }),
      3,
      /UNSTALE_TABLE_MISSING/,
      /nowhere/,
      /UNSTALE_COLUMN_MISSING/,
      /idd/,
    );
    const checked = await runCli([
      'check',
      '--json',
      '-c',
      await writeConfig(shop.config({ rest: { rules } })),
    ]);
    expect(checked.code).toBe(4);
    expect(JSON.parse(checked.stdout)).toMatchObject({
      ok: false,
      redis: { ok: true },
      problems: expect.arrayContaining([
        expect.objectContaining({ code: 'UNSTALE_TABLE_MISSING' }),
        expect.objectContaining({ code: 'UNSTALE_COLUMN_MISSING' }),
      ]),
    });
  });

  it('an account without the privilege to read the binlog is told the GRANT', async () => {
    const user = `${shop.db.name}poor`;
    await shop.db.query(`CREATE USER '${user}'@'%' IDENTIFIED BY 'sesame'`);
    try {
      await shop.db.query(`GRANT SELECT ON ${shop.db.name}.* TO '${user}'@'%'`);
      const url = new URL(shop.db.url);
      url.username = user;
      url.password = 'sesame';
      expectCleanError(
        await run({ source: { url: url.href } }),
        3,
        /UNSTALE_PRIVILEGE_MISSING/,
        /GRANT .*REPLICATION SLAVE/,
      );
      await nothingStarted();
    } finally {
      await shop.db.query(`DROP USER '${user}'@'%'`);
    }
  });

  it('an admin address that is taken', async () => {
    const { port } = new URL(server.rootUrl);
    expectCleanError(
      await run({ rest: { admin: { listen: `127.0.0.1:${port}` } } }),
      2,
      /UNSTALE_ADMIN_LISTEN/,
      new RegExp(port),
    );
    await nothingStarted();
  });

  it('a healthy setup passes the check', async () => {
    const checked = await runCli(['check', '-c', await writeConfig(shop.config())]);
    expect(checked.stdout).toContain('Redis: ok');
    expect(checked.code).toBe(0);
  });
});

describe.each(inject('servers').mysql)('a $flavour with the wrong settings', ({ flavour }) => {
  const cases = [
    { args: ['--skip-log-bin'], code: 'UNSTALE_BINLOG_OFF' },
    { args: ['--binlog-row-metadata=MINIMAL'], code: 'UNSTALE_ROW_METADATA' },
    { args: ['--binlog-format=STATEMENT'], code: 'UNSTALE_BINLOG_FORMAT' },
  ];

  it.each(cases)('$args: refused with $code and the statement that fixes it', async ({ args, code }) => {
    const server: TestMysqlServer = await startMysqlServer({ flavour, args });
    let shop: Shop | undefined;
    try {
      shop = await openShop(server, inject('servers').redis.url);
      const result = await runCli([
        'run',
        '-c',
        await writeConfig(shop.config({ rest: { admin: { listen: 'off' } } })),
      ]);
      expectCleanError(result, 3, new RegExp(code));
    } finally {
      await shop?.close();
      await server.destroy();
    }
  });
});
