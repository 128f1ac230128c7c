import { describe, expect, it } from 'vitest';
import { loadText } from '../../test/support/config-text.ts';
import { loadConfig } from './load.ts';
import { VALUE_PATHS, variableOf } from './schema-paths.ts';

const MINIMAL = `
client_id: shop
source:
  url: mysql://unstale@db
redis:
  url: redis://cache
rules:
  - table: shop.users
    key: user:{id}
`;
const PEM = '-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n';

/** The minimal configuration with other lines under source and redis. */
function withSections(source: string, redis = 'url: redis://cache', rest = ''): string {
  const indent = (text: string): string => text.replace(/^/gm, '  ');
  return [
    'client_id: shop',
    `source:\n${indent(source)}`,
    `redis:\n${indent(redis)}`,
    'rules: [{table: shop.users, key: "user:{id}"}]',
    rest,
  ].join('\n');
}

describe('a configuration', () => {
  it('needs little and has a default for everything else', async () => {
    const { file, plan, rules: _rules, ...config } = await loadText(MINIMAL);
    expect(file).toMatch(/shop\.yaml$/);
    const connection = {
      host: 'db',
      port: 3306,
      user: 'unstale',
      sslMode: 'preferred',
      connectTimeout: 10_000,
    };
    expect(config).toEqual({
      guards: { guard: 'lease', replicaHold: 0 },
      tombstone: 600_000,
      clientId: 'shop',
      source: {
        connection,
        serverId: expect.any(Number),
        initPosition: { from: 'latest' },
        resumeBy: 'auto',
        verifyChecksums: true,
        onGap: 'halt',
        gapWait: 10_000,
        heartbeatInterval: 5000,
        silenceTimeout: 20_000,
        startTimeout: 30_000,
        maxBufferedBytes: 262_144,
        rowMetadata: 'full',
        barrier: 'source',
        barrierTimeout: 2000,
        hints: false,
      },
      state: { connection, sameServer: true, database: 'unstale', flushInterval: 1000, leaseTimeout: 5000 },
      redis: {
        host: 'cache',
        port: 6379,
        db: 0,
        connectTimeout: 5000,
        commandTimeout: 5000,
        socketTimeout: 15_000,
        scopeScanRate: 100_000,
        waitReplicas: 0,
        failoverReplay: 120_000,
      },
      batch: { maxCommands: 1000, maxBytes: 1_048_576, maxDelay: 2, inFlight: 2 },
      files: [file],
      directories: [],
      lookups: { connection, timeout: 2000, cache: 0, maxKeys: 1000 },
      reload: { watch: false, invalidate: false },
      admin: { host: '127.0.0.1', port: 9630 },
      health: { maxLag: 60_000 },
      shutdownTimeout: 10_000,
      log: { level: 'info', format: 'json' },
    });
    expect(_rules).toBe(plan.rules);
    expect(plan.interests.named).toEqual([{ table: { schema: 'shop', table: 'users' }, columns: ['id'] }]);
  });

  it('takes the servers of the barrier by URL, with what a URL leaves out from the source', async () => {
    const { source } = await loadText(
      `client_id: shop
source: {url: "mysql://u:p@db:3307", ssl_mode: required, connect_timeout: 1s,
  barrier: ["mysql://\${REPLICA}", "mysql://v@r2:3308", "mysql://u:q@r3"]}
redis: {url: "redis://cache"}
rules: [{table: shop.users, key: "user:{id}"}]`,
      { env: { REPLICA: 'r1' } },
    );
    const inherited = { sslMode: 'required', connectTimeout: 1000 };
    expect(source.barrier).toEqual([
      { ...inherited, host: 'r1', port: 3306, user: 'u', password: 'p' },
      { ...inherited, host: 'r2', port: 3308, user: 'v' },
      { ...inherited, host: 'r3', port: 3306, user: 'u', password: 'q' },
    ]);
  });

  it('takes every field', async () => {
    const text = `
client_id: shop-1.eu_west
source:
  host: db
  port: 3307
  user: u
  password: "p: #\\""
  ssl_mode: verify_identity
  ssl_ca: tls/ca.pem
  ssl_cert: tls/cert.pem
  ssl_key: tls/key.pem
  connect_timeout: 1s
  server_id: 64001
  init_position: binlog.000042:4
  resume_by: gtid
  on_gap: invalidate
  gap_wait: 3s
  heartbeat_interval: 1s
  silence_timeout: 10s
  start_timeout: 1m
  max_buffered_bytes: 1MiB
  row_metadata: minimal
  barrier: none
  barrier_timeout: 500ms
state:
  url: mysql://s:t@state:3308
  database: my_state
  flush_interval: 500ms
  lease_timeout: 7s
redis:
  host: cache
  port: 6380
  username: r
  password: q
  db: 3
  tls: {ca: tls/ca.pem, cert: tls/cert.pem, key: tls/key.pem, servername: cache.example, reject_unauthorized: false}
  connect_timeout: 1s
  command_timeout: 2s
  socket_timeout: 3s
  scope_scan_rate: unlimited
batch: {max_commands: 500, max_bytes: 64KiB, max_delay: 0ms, in_flight: 1}
guard: none
rules:
  - table: shop.users
    keys: ["user:{id}", "mail:{email}"]
    on: [insert, delete]
    action: delete
    guard: none
admin: {listen: "off"}
health: {max_lag: 5m}
shutdown_timeout: 30s
log: {level: debug, format: pretty}
`;
    const files = { 'tls/ca.pem': PEM, 'tls/cert.pem': `${PEM}1`, 'tls/key.pem': `${PEM}2` };
    const { plan, rules: _rules, ...config } = await loadText(text, { files });
    expect(config).toMatchObject({
      clientId: 'shop-1.eu_west',
      source: {
        connection: {
          host: 'db',
          port: 3307,
          user: 'u',
          password: 'p: #"',
          sslMode: 'verify_identity',
          sslCa: PEM,
          sslCert: `${PEM}1`,
          sslKey: `${PEM}2`,
          connectTimeout: 1000,
        },
        serverId: 64_001,
        initPosition: { from: 'file', file: 'binlog.000042', offset: 4 },
        resumeBy: 'gtid',
        heartbeatInterval: 1000,
        silenceTimeout: 10_000,
        startTimeout: 60_000,
        maxBufferedBytes: 1_048_576,
        rowMetadata: 'minimal',
        barrier: 'none',
        barrierTimeout: 500,
      },
      state: {
        connection: { host: 'state', port: 3308, user: 's', password: 't', sslMode: 'preferred' },
        sameServer: false,
        database: 'my_state',
        flushInterval: 500,
        leaseTimeout: 7000,
      },
      redis: {
        host: 'cache',
        port: 6380,
        username: 'r',
        password: 'q',
        db: 3,
        tls: {
          ca: PEM,
          cert: `${PEM}1`,
          key: `${PEM}2`,
          servername: 'cache.example',
          rejectUnauthorized: false,
        },
        connectTimeout: 1000,
        commandTimeout: 2000,
        socketTimeout: 3000,
        scopeScanRate: Number.POSITIVE_INFINITY,
        waitReplicas: 0,
        failoverReplay: 120_000,
      },
      batch: { maxCommands: 500, maxBytes: 65_536, maxDelay: 0, inFlight: 1 },
      admin: undefined,
      health: { maxLag: 300_000 },
      shutdownTimeout: 30_000,
      log: { level: 'debug', format: 'pretty' },
    });
    expect(plan.rules).toMatchObject([
      {
        id: 'rules[0]',
        keys: [{ text: 'user:{id}' }, { text: 'mail:{email}' }],
        on: new Set(['insert', 'delete', 'truncate']),
        action: { kind: 'delete', guard: { kind: 'none' } },
      },
    ]);
  });

  it('may be JSON, and a section may have nothing behind its name', async () => {
    const json = JSON.stringify({
      client_id: 'shop',
      source: { host: 'db', user: 'u', port: 3307 },
      redis: { url: 'redis://cache' },
      rules: [{ table: 'shop.users', key: 'user:{id}' }],
    });
    expect((await loadText(json)).source.connection.port).toBe(3307);
    expect((await loadText(`${MINIMAL}\nlog:\nadmin:\nstate:\n`)).log.level).toBe('info');
  });

  it('keeps text as it is written: a password of digits keeps its zeros', async () => {
    const config = await loadText(
      withSections('url: mysql://u@db\npassword: 0012e3', 'url: redis://c\npassword: yes'),
    );
    expect(config.source.connection.password).toBe('0012e3');
    expect(config.redis.password).toBe('yes');
  });

  it('may use anchors and aliases', async () => {
    const text = withSections('&server\nurl: mysql://u@db', 'url: redis://c', 'state: {url: *url}').replace(
      'url: mysql',
      'url: &url mysql',
    );
    expect((await loadText(text.replace('&server', ''))).state.connection.host).toBe('db');
  });

  it('derives the same server id from the same client id, in the upper half of its range', async () => {
    const ids = await Promise.all(
      ['shop', 'shop', 'other'].map(
        async (name) =>
          (await loadText(MINIMAL.replace('client_id: shop', `client_id: ${name}`))).source.serverId,
      ),
    );
    expect(ids[0]).toBe(ids[1]);
    expect(ids[0]).not.toBe(ids[2]);
    for (const id of ids) {
      expect(id).toBeGreaterThanOrEqual(2 ** 31);
      expect(id).toBeLessThan(2 ** 32);
    }
  });
});

describe('secrets and variables', () => {
  it('a variable may hold any character of YAML, and is not looked at again', async () => {
    const password = 'a"b\': {c} #d\n- ${HOME} %';
    const config = await loadText(withSections('url: mysql://u@db\npassword: ${P}'), {
      env: { P: password },
    });
    expect(config.source.connection.password).toBe(password);
  });

  it('a password file is read beside the configuration, without its last line end', async () => {
    const config = await loadText(
      withSections(
        'url: mysql://u@db\npassword_file: secrets/mysql',
        'url: redis://c\npassword_file: secrets/redis',
      ),
      { files: { 'secrets/mysql': ' top secret \n', 'secrets/redis': 'r\r\n' } },
    );
    expect(config.source.connection.password).toBe(' top secret ');
    expect(config.redis.password).toBe('r');
  });
});

describe('URL and fields together', () => {
  it('fields win over the parts of the URL', async () => {
    const config = await loadText(
      withSections(
        'url: mysql://a:b@c:1\nhost: db\nport: 2\nuser: u\npassword: p',
        'url: redis://a:b@c:1/4\nhost: cache\nport: 2\nusername: u\npassword: p\ndb: 5',
      ),
    );
    expect(config.source.connection).toMatchObject({ host: 'db', port: 2, user: 'u', password: 'p' });
    expect(config.redis).toMatchObject({ host: 'cache', port: 2, username: 'u', password: 'p', db: 5 });
  });

  it('a socket wins over the URL', async () => {
    const config = await loadText(
      withSections('url: mysql://u@db\nsocket_path: /run/mysqld.sock', 'socket_path: /run/redis.sock'),
    );
    expect(config.source.connection.socketPath).toBe('/run/mysqld.sock');
    expect(config.redis.socketPath).toBe('/run/redis.sock');
  });

  it('a URL from the environment replaces the address of the file, but not what it does not name', async () => {
    const config = await loadText(
      withSections('host: old\nport: 1\nuser: u\npassword: p', 'socket_path: /old.sock\npassword: p\ndb: 2'),
      { env: { UNSTALE_SOURCE_URL: 'mysql://db', UNSTALE_REDIS_URL: 'redis://:new@cache/3' } },
    );
    expect(config.source.connection).toMatchObject({ host: 'db', port: 3306, user: 'u', password: 'p' });
    expect(config.redis).toMatchObject({ host: 'cache', port: 6379, password: 'new', db: 3 });
    expect(config.redis.socketPath).toBeUndefined();
  });

  it('rediss:// and a tls section turn TLS on, with verification', async () => {
    const verified = { rejectUnauthorized: true };
    expect((await loadText(withSections('url: mysql://u@db', 'url: rediss://c'))).redis.tls).toEqual(
      verified,
    );
    expect((await loadText(withSections('url: mysql://u@db', 'host: c\ntls: {}'))).redis.tls).toEqual(
      verified,
    );
    expect((await loadText(withSections('url: mysql://u@db', 'host: c\ntls:'))).redis.tls).toBeUndefined();
  });
});

describe('the state connection', () => {
  const source = 'url: mysql://u:p@db\nssl_mode: required';

  it('is that of the source, with fields of its own', async () => {
    const { state } = await loadText(withSections(source, 'url: redis://c', 'state: {connect_timeout: 1s}'));
    expect(state.sameServer).toBe(true);
    expect(state.connection).toMatchObject({
      host: 'db',
      user: 'u',
      password: 'p',
      sslMode: 'required',
      connectTimeout: 1000,
    });
  });

  it("does not send the source user's password for another user", async () => {
    const { state } = await loadText(withSections(source, 'url: redis://c', 'state: {user: other}'));
    expect(state).toMatchObject({ sameServer: true, connection: { user: 'other' } });
    expect(state.connection.password).toBeUndefined();
  });

  it('takes nothing from the source when it names another server', async () => {
    const { state } = await loadText(
      withSections(source, 'url: redis://c', 'state: {url: "mysql://s@other"}'),
    );
    expect(state.sameServer).toBe(false);
    expect(state.connection).toMatchObject({ host: 'other', port: 3306, user: 's', sslMode: 'preferred' });
    expect(state.connection.password).toBeUndefined();
  });
});

describe('precedence', () => {
  it('is command line, environment, file, default', async () => {
    const text = `${MINIMAL}\nlog: {level: error}`;
    const env = { UNSTALE_LOG_LEVEL: 'warn' };
    expect((await loadText(MINIMAL)).log.level).toBe('info');
    expect((await loadText(text)).log.level).toBe('error');
    expect((await loadText(text, { env })).log.level).toBe('warn');
    expect((await loadText(text, { env, overrides: { 'log.level': 'debug' } })).log.level).toBe('debug');
  });

  it('an empty variable counts as not set, and variables that name no field are ignored', async () => {
    const env = {
      UNSTALE_LOG_LEVEL: '',
      UNSTALE_TEST_MYSQL_URL: 'x',
      UNSTALE_RULES: 'x',
      UNSTALE_SOURCE: 'x',
    };
    expect((await loadText(MINIMAL, { env })).log.level).toBe('info');
  });

  it('the environment can give whole sections, and its values are not interpolated', async () => {
    const config = await loadText('rules: [{table: shop.users, key: "user:{id}"}]', {
      env: {
        UNSTALE_CLIENT_ID: 'shop',
        UNSTALE_SOURCE_URL: 'mysql://u@db',
        UNSTALE_SOURCE_PASSWORD: 'a${b}',
        UNSTALE_REDIS_URL: 'rediss://cache',
        UNSTALE_REDIS_TLS_SERVERNAME: 'cache.example',
      },
    });
    expect(config.source.connection.password).toBe('a${b}');
    expect(config.redis.tls?.servername).toBe('cache.example');
  });

  it('a password from above replaces the password file of the file', async () => {
    const config = await loadText(withSections('url: mysql://u@db\npassword_file: missing'), {
      env: { UNSTALE_SOURCE_PASSWORD: 'p' },
    });
    expect(config.source.connection.password).toBe('p');
  });

  it('a variable of a field that is overridden need not be set', async () => {
    const config = await loadText(withSections('url: mysql://u@db\npassword: ${MYSQL_PASSWORD}'), {
      overrides: { 'source.password': 'p' },
    });
    expect(config.source.connection.password).toBe('p');
  });

  it('no two fields share a variable', () => {
    const names = VALUE_PATHS.map(variableOf);
    expect(new Set(names).size).toBe(names.length);
    expect(names).toContain('UNSTALE_SOURCE_SSL_MODE');
    expect(names).toContain('UNSTALE_REDIS_TLS_CA');
    expect(names).not.toContain('UNSTALE_INCLUDE');
  });
});

describe('a file that cannot be read', () => {
  it('is an error of its own', async () => {
    await expect(loadConfig({ file: 'does/not/exist.yaml', env: {} })).rejects.toMatchObject({
      name: 'ConfigError',
      code: 'UNSTALE_CONFIG_UNREADABLE',
      message: expect.stringMatching(/^does\/not\/exist\.yaml {2}.*ENOENT.* → .*unstale init/),
      problems: [{ file: 'does/not/exist.yaml' }],
    });
  });
});
