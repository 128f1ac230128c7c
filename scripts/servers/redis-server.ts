import { rm, symlink, writeFile } from 'node:fs/promises';
import { connect } from 'node:net';
import { join } from 'node:path';
import { connect as connectByTls } from 'node:tls';

import { freePort } from './free-port.ts';
import { programVersion, redisProgram } from './installed.ts';
import type { RedisImplementation } from './installed.ts';
import { createLocalProcess } from './local-process.ts';
import { temporaryDirectory } from './run-directory.ts';
import type { Program } from './where.mjs';

/** A Redis or Valkey server without persistence, for one test or program. */
export interface RedisServer {
  readonly implementation: RedisImplementation;
  /** E.g. `7.0.15`; for Valkey its own version, not the Redis version that it claims to be compatible with. */
  readonly version: string;
  readonly host: string;
  readonly port: number;
  /** `redis://127.0.0.1:port`, or `rediss://`. */
  readonly url: string;
  /** @throws Error while the server is not running. */
  pid(): number;
  stop(): Promise<void>;
  /** SIGKILL, awaited. */
  kill(): Promise<void>;
  /** Starts it again on the same port, empty unless `args` turned persistence on. */
  start(extraArgs?: readonly string[]): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its data. */
  destroy(): Promise<void>;
}

/** PEM files of a server that is talked to by TLS only: by clients, replicas, sentinels and the nodes of its cluster. */
export interface RedisServerTls {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
}

export interface RedisServerOptions {
  /** Options of the server, e.g. `['--maxmemory', '10mb']`; they win over the defaults here. */
  readonly args?: readonly string[];
  /** Lines of a configuration file, which the server may rewrite and keeps over restarts; a sentinel needs one. */
  readonly config?: readonly string[];
  readonly implementation?: RedisImplementation;
  readonly tls?: RedisServerTls;
}

/**
 * Starts a server on a free port.
 * @throws Error with the end of the server's log when it does not start.
 */
export async function startRedisServer(options: RedisServerOptions = {}): Promise<RedisServer> {
  const { implementation = 'redis', tls } = options;
  const port = await freePort();
  const directory = await temporaryDirectory(implementation);
  const program = await underItsName(redisProgram(implementation), directory);
  const configFile = join(directory, 'redis.conf');
  if (options.config !== undefined) await writeFile(configFile, `${options.config.join('\n')}\n`);

  let version = '';
  const server = createLocalProcess({
    name: `${implementation} on port ${port}`,
    command: program.command,
    args: [
      ...program.args,
      ...(options.config === undefined ? [] : [configFile]),
      ...redisArgs({ bind: '127.0.0.1', dir: directory, save: '', appendonly: 'no' }),
      ...redisArgs(tls === undefined ? { port: String(port) } : tlsSettings(port, tls)),
      ...(await debugArgs(program)),
      ...(options.args ?? []),
    ],
    logFile: join(directory, 'server.log'),
    probe: async () => {
      version = await askRedisVersion(port, { tls: tls !== undefined });
    },
  });

  const destroy = async (): Promise<void> => {
    await server.kill();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    await server.start();
  } catch (error) {
    await destroy();
    throw error;
  }
  const url = `${tls === undefined ? 'redis' : 'rediss'}://127.0.0.1:${port}`;
  return { ...server, implementation, version, host: '127.0.0.1', port, url, destroy };
}

function redisArgs(settings: Readonly<Record<string, string>>): readonly string[] {
  return Object.entries(settings).flatMap(([name, value]) => [`--${name}`, value]);
}

function tlsSettings(port: number, { ca, cert, key }: RedisServerTls): Record<string, string> {
  return {
    port: '0',
    'tls-port': String(port),
    'tls-auth-clients': 'no',
    'tls-replication': 'yes',
    'tls-cluster': 'yes',
    'tls-ca-cert-file': ca,
    'tls-cert-file': cert,
    'tls-key-file': key,
  };
}

/** DEBUG is always allowed before Redis 7, which does not know the option. */
async function debugArgs(program: Program): Promise<readonly string[]> {
  const major = /\bv=(\d+)\./.exec(await programVersion(program))?.[1];
  return Number(major) < 7 ? [] : redisArgs({ 'enable-debug-command': 'yes' });
}

/** Redis is one binary that acts by the name under which it is called. */
async function underItsName(program: Program, directory: string): Promise<Program> {
  if (!program.command.endsWith('redis-check-rdb')) return program;
  const command = join(directory, 'redis-server');
  await symlink(program.command, command);
  return { ...program, command };
}

/**
 * Asks without a client library, so that a server with a password counts as ready too; its version is ''.
 * @throws Error as long as the server does not answer, or loads its data.
 */
export async function askRedisVersion(
  port: number,
  {
    host = '127.0.0.1',
    timeoutMs = 2_000,
    tls = false,
  }: { host?: string; timeoutMs?: number; tls?: boolean } = {},
): Promise<string> {
  return new Promise((resolve, reject) => {
    const socket = tls ? connectByTls({ port, host, rejectUnauthorized: false }) : connect({ port, host });
    let reply = '';
    socket.setTimeout(timeoutMs, () => socket.destroy(new Error(`no reply in ${timeoutMs} ms`)));
    socket.once('error', reject);
    socket.once('close', () => {
      const version = /^(?:valkey_version|redis_version):(.*)\r$/gm;
      const found = [...reply.matchAll(version)].map((match) => match[1] ?? '');
      if (/^loading:1/m.test(reply) || reply.startsWith('-LOADING')) reject(new Error('loading its data'));
      else if (found.length > 0) resolve(found.at(-1) ?? '');
      else if (reply.startsWith('-')) resolve('');
      else reject(new Error('closed the connection'));
    });
    socket.on('data', (chunk) => (reply += chunk.toString('latin1')));
    socket.end('INFO\r\nQUIT\r\n');
  });
}
