import { execFile, execFileSync } from 'node:child_process';
import { promisify } from 'node:util';

import { freePort } from '../../scripts/servers/free-port.ts';
import { askMysqlVersion, binlogArgs } from '../../scripts/servers/mysql-server.ts';
import type { MysqlServer, MysqlServerOptions } from '../../scripts/servers/mysql-server.ts';
import { askRedisVersion } from '../../scripts/servers/redis-server.ts';
import type { RedisServer, RedisServerOptions } from '../../scripts/servers/redis-server.ts';
import { eventually } from './eventually.ts';

export type MysqlImage = 'mysql:9' | 'mysql:8.4' | 'mariadb:11';

const run = promisify(execFile);
const startTimeoutMs = 120_000;

/** Whether an engine answers; setup.mjs asks the same question before it installs servers. */
export async function dockerAnswers(): Promise<boolean> {
  return run('docker', ['info'], { timeout: 5_000, killSignal: 'SIGKILL' }).then(
    () => true,
    () => false,
  );
}

export async function startMysqlContainer(
  image: MysqlImage,
  options: MysqlServerOptions,
): Promise<MysqlServer> {
  const { flavour } = options;
  const port = await freePort();
  const container = await startContainer({
    image,
    containerPort: 3306,
    port,
    // The images' root may connect from anywhere.
    environment: {
      [`${flavour === 'mysql' ? 'MYSQL_ALLOW_EMPTY' : 'MARIADB_ALLOW_EMPTY_ROOT'}_PASSWORD`]: 'yes',
    },
    command: [...binlogArgs(flavour), ...(options.args ?? [])],
    probe: async () => askMysqlVersion({ host: '127.0.0.1', port, user: 'root' }),
  });
  const rootUrl = `mysql://root@127.0.0.1:${port}`;
  return { ...container, flavour, host: '127.0.0.1', port, rootUrl };
}

export async function startRedisContainer(options: RedisServerOptions): Promise<RedisServer> {
  const images = { redis: 'redis:7', redis8: 'redis:8', valkey: 'valkey/valkey:8' } as const;
  const implementation = options.implementation ?? 'redis';
  const port = await freePort();
  const program = implementation === 'valkey' ? 'valkey-server' : 'redis-server';
  const container = await startContainer({
    image: images[implementation],
    containerPort: 6379,
    port,
    environment: {},
    command: [program, '--save', '', '--enable-debug-command', 'yes', ...(options.args ?? [])],
    probe: async () => askRedisVersion(port),
  });
  return { ...container, implementation, host: '127.0.0.1', port, url: `redis://127.0.0.1:${port}` };
}

interface ContainerOptions {
  readonly image: string;
  readonly containerPort: number;
  /** On the host; fixed, because a mapped port changes with each start. */
  readonly port: number;
  readonly environment: Record<string, string>;
  readonly command: string[];
  /** The server's version, once it does its work. */
  readonly probe: () => Promise<string>;
}

type ContainerControl = Pick<
  MysqlServer,
  'version' | 'pid' | 'stop' | 'kill' | 'start' | 'freeze' | 'thaw' | 'destroy'
>;

async function startContainer(options: ContainerOptions): Promise<ContainerControl> {
  const { GenericContainer } = await import('testcontainers');
  const container = await new GenericContainer(options.image)
    .withEnvironment(options.environment)
    .withCommand(options.command)
    .withExposedPorts({ container: options.containerPort, host: options.port })
    .withStartupTimeout(startTimeoutMs)
    .start();
  const untilReady = async (): Promise<string> =>
    eventually(`${options.image} takes connections`, options.probe, () => true, {
      timeoutMs: startTimeoutMs,
    });
  const docker = async (...args: string[]): Promise<void> => void (await run('docker', args));
  const id = container.getId();
  // By the docker command: testcontainers removes a container that it stops.
  const unpause = async (): Promise<void> => docker('unpause', id).catch(() => undefined);
  return {
    version: await untilReady(),
    pid: () => {
      throw new Error('a server in a container has no process id here');
    },
    stop: async () => {
      await unpause();
      await docker('stop', '-t', '30', id);
    },
    kill: async () => {
      await unpause();
      await docker('kill', id);
      await docker('wait', id);
    },
    start: async (extraArgs = []) => {
      if (extraArgs.length > 0) throw new Error('a container cannot be started again with other arguments');
      await docker('start', id);
      await untilReady();
    },
    freeze: () => void execFileSync('docker', ['pause', id]),
    thaw: () => void execFileSync('docker', ['unpause', id]),
    destroy: async () => docker('rm', '--force', '--volumes', id),
  };
}
