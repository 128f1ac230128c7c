import { installedMysqlFlavours, installedRedisImplementations } from '../../scripts/servers/installed.ts';
import type { RedisImplementation } from '../../scripts/servers/installed.ts';
import { askMysqlVersion, startMysqlServer as startLocalMysql } from '../../scripts/servers/mysql-server.ts';
import type { MysqlServer, MysqlServerOptions } from '../../scripts/servers/mysql-server.ts';
import { askRedisVersion, startRedisServer as startLocalRedis } from '../../scripts/servers/redis-server.ts';
import type { RedisServer, RedisServerOptions } from '../../scripts/servers/redis-server.ts';
import { dockerAnswers, startMysqlContainer, startRedisContainer } from './docker-servers.ts';
import type { MysqlImage } from './docker-servers.ts';

/** Whether the server can be stopped, killed and frozen; those named by a URL cannot, and throw. */
interface Controllable {
  readonly controllable: boolean;
}

export type TestMysqlServer = MysqlServer & Controllable;
export type TestRedisServer = RedisServer & Controllable;

export interface SharedServers {
  /** One of each flavour and version that is at hand. */
  readonly mysql: readonly TestMysqlServer[];
  readonly redis: TestRedisServer;
  /** For people: what runs and where it comes from. */
  readonly summary: string;
}

type Origin = 'url' | 'docker' | 'local';

const mysqlVariable = 'UNSTALE_TEST_MYSQL_URL';
const redisVariable = 'UNSTALE_TEST_REDIS_URL';
const images = { mysql: ['mysql:9', 'mysql:8.4'], mariadb: ['mariadb:11'] } as const;

/**
 * Servers of the suite: those named by UNSTALE_TEST_MYSQL_URL (several, separated by commas) and
 * UNSTALE_TEST_REDIS_URL, else Docker, else processes on this machine.
 * @throws Error when there is no MySQL or no Redis, or under CI=true less than MySQL, MariaDB and Redis.
 */
export async function startSharedServers(): Promise<SharedServers> {
  const started = await Promise.allSettled([...(await sharedMysql()), startRedisServer()]);
  const servers = started.flatMap((result) => (result.status === 'fulfilled' ? [result.value] : []));
  try {
    for (const result of started) if (result.status === 'rejected') throw result.reason;
    const mysql = servers.filter((server) => 'flavour' in server);
    const redis = servers.find((server) => 'implementation' in server);
    if (mysql.length === 0 || redis === undefined) {
      throw new Error('no MySQL or MariaDB for the tests; run: node scripts/setup.mjs');
    }
    requireAllInCi(mysql);
    return { mysql, redis, summary: await summarize(mysql, redis) };
  } catch (error) {
    await Promise.all(servers.map(async (server) => server.destroy()));
    throw error;
  }
}

/**
 * A server of the test's own, to be destroyed by it.
 * @throws Error when UNSTALE_TEST_MYSQL_URL names the servers and none has the flavour, or `args` are given.
 */
export async function startMysqlServer(options: MysqlServerOptions): Promise<TestMysqlServer> {
  const from = await origin(mysqlVariable);
  if (from === 'url') return externalMysql(options);
  if (from === 'docker') return mysqlContainer(images[options.flavour][0], options);
  return { ...(await startLocalMysql(options)), controllable: true };
}

/**
 * A server of the test's own, to be destroyed by it.
 * @throws Error when UNSTALE_TEST_REDIS_URL names the server and options are given.
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<TestRedisServer> {
  const from = await origin(redisVariable);
  if (from === 'url') return externalRedis(options);
  const start = from === 'docker' ? startRedisContainer : startLocalRedis;
  return { ...(await start(options)), controllable: true };
}

/** Those that `startRedisServer` can start here. */
export async function redisImplementations(): Promise<readonly RedisImplementation[]> {
  const from = await origin(redisVariable);
  if (from === 'local') return installedRedisImplementations();
  return from === 'docker' ? ['redis', 'redis8', 'valkey'] : ['redis'];
}

async function origin(variable: string): Promise<Origin> {
  if (fromEnvironment(variable).length > 0) return 'url';
  return (await dockerAnswers()) ? 'docker' : 'local';
}

function fromEnvironment(variable: string): readonly string[] {
  return (process.env[variable] ?? '').split(',').filter((url) => url.trim() !== '');
}

async function sharedMysql(): Promise<readonly Promise<TestMysqlServer>[]> {
  const from = await origin(mysqlVariable);
  if (from === 'url') return fromEnvironment(mysqlVariable).map(describeExternalMysql);
  const flavours = from === 'docker' ? (['mysql', 'mariadb'] as const) : await installedMysqlFlavours();
  if (from === 'local') return flavours.map(async (flavour) => startMysqlServer({ flavour }));
  return flavours.flatMap((flavour) =>
    images[flavour].map(async (image) => mysqlContainer(image, { flavour })),
  );
}

async function mysqlContainer(image: MysqlImage, options: MysqlServerOptions): Promise<TestMysqlServer> {
  return { ...(await startMysqlContainer(image, options)), controllable: true };
}

async function externalMysql(options: MysqlServerOptions): Promise<TestMysqlServer> {
  if ((options.args ?? []).length > 0) throw notOurs(mysqlVariable, 'started with other settings');
  const servers = await Promise.all(fromEnvironment(mysqlVariable).map(describeExternalMysql));
  const server = servers.find(({ flavour }) => flavour === options.flavour);
  if (server === undefined) throw new Error(`${mysqlVariable} names no ${options.flavour}`);
  return server;
}

async function describeExternalMysql(rootUrl: string): Promise<TestMysqlServer> {
  const url = new URL(rootUrl);
  const port = Number(url.port || 3306);
  const version = await askMysqlVersion({
    host: url.hostname,
    port,
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  });
  const flavour = version.includes('MariaDB') ? 'mariadb' : 'mysql';
  return { ...withoutControl(mysqlVariable), flavour, version, host: url.hostname, port, rootUrl };
}

async function externalRedis(options: RedisServerOptions): Promise<TestRedisServer> {
  if ((options.args ?? []).length > 0) throw notOurs(redisVariable, 'started with other settings');
  const url = fromEnvironment(redisVariable)[0] ?? '';
  const { hostname, port: portText } = new URL(url);
  const port = Number(portText || 6379);
  const version = await askRedisVersion(port, { host: hostname });
  return {
    ...withoutControl(redisVariable),
    implementation: options.implementation ?? 'redis',
    version,
    host: hostname,
    port,
    url,
  };
}

function withoutControl(
  variable: string,
): Controllable & Omit<RedisServer, 'implementation' | 'version' | 'host' | 'port' | 'url'> {
  const refuse = (what: string): never => {
    throw notOurs(variable, what);
  };
  return {
    controllable: false,
    pid: () => refuse('looked up as a process'),
    stop: async () => refuse('stopped'),
    kill: async () => refuse('killed'),
    start: async () => refuse('started'),
    freeze: () => refuse('frozen'),
    thaw: () => refuse('thawed'),
    // Not ours to remove; tests may clean up the same way everywhere.
    destroy: async () => undefined,
  };
}

function notOurs(variable: string, what: string): Error {
  return new Error(`a server named by ${variable} cannot be ${what}; unset it to run this test`);
}

function requireAllInCi(mysql: readonly TestMysqlServer[]): void {
  if (process.env['CI'] !== 'true') return;
  const flavours = new Set(mysql.map(({ flavour }) => flavour));
  for (const flavour of ['mysql', 'mariadb'] as const) {
    if (!flavours.has(flavour)) throw new Error(`CI=true requires MySQL and MariaDB; ${flavour} is missing`);
  }
}

async function summarize(mysql: readonly TestMysqlServer[], redis: TestRedisServer): Promise<string> {
  const places = { url: 'named by URL', docker: 'in Docker', local: 'local processes' };
  const names = mysql.map(({ flavour, version }) => `${flavour} ${version}`).join(', ');
  const isLocal = (await installedRedisImplementations()).includes('redis');
  const skipped = isLocal
    ? ''
    : '; tests of clusters, sentinels and TLS are skipped: they need a redis-server of this machine';
  return `${names} (${places[await origin(mysqlVariable)]}); redis ${redis.version} (${places[await origin(redisVariable)]})${skipped}`;
}
