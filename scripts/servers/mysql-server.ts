import { rm } from 'node:fs/promises';
import { join } from 'node:path';

import { createConnection } from 'mysql2/promise';
import type { ConnectionOptions, RowDataPacket } from 'mysql2/promise';

import { freePort } from './free-port.ts';
import { mysqlProgram } from './installed.ts';
import type { MysqlFlavour } from './installed.ts';
import { createLocalProcess } from './local-process.ts';
import { basedirArgs, createDataDirectory, runAsSelf } from './mysql-data.ts';
import { temporaryDirectory } from './run-directory.ts';
import type { Program } from './where.mjs';

/** A MySQL or MariaDB server with a row-format binlog and full metadata, for one test or program. */
export interface MysqlServer {
  readonly flavour: MysqlFlavour;
  /** As the server tells it, e.g. `9.7.4-2` or `10.11.19-MariaDB-log`. */
  readonly version: string;
  readonly host: string;
  readonly port: number;
  /** `mysql://root@127.0.0.1:port`; root has no password. */
  readonly rootUrl: string;
  /** Only of servers that run on this machine as a process. */
  readonly socketPath?: string;
  /** @throws Error while the server is not running. */
  pid(): number;
  /** Clean shutdown. */
  stop(): Promise<void>;
  /** SIGKILL, awaited. */
  kill(): Promise<void>;
  /** Starts it again on the same data and port; resolves when it takes connections. */
  start(extraArgs?: readonly string[]): Promise<void>;
  /** SIGSTOP: connections stay open and nothing answers. */
  freeze(): void;
  thaw(): void;
  /** Ends it and removes its data. */
  destroy(): Promise<void>;
}

export interface MysqlServerOptions {
  readonly flavour: MysqlFlavour;
  /** Options of the server, e.g. `--binlog-row-image=MINIMAL`; they win over the defaults here. */
  readonly args?: readonly string[];
}

/**
 * Starts a server on a free port with new data; about a second.
 * @throws Error with the end of the server's log when it does not start.
 */
export async function startMysqlServer(
  options: MysqlServerOptions,
): Promise<MysqlServer & { socketPath: string }> {
  const { flavour } = options;
  const program = mysqlProgram(flavour);
  const port = await freePort();
  const directory = await temporaryDirectory(flavour);
  const data = join(directory, 'data');
  const socketPath = join(directory, 'mysql.sock');
  await createDataDirectory(flavour, program, data);

  let version = '';
  const server = createLocalProcess({
    name: `${flavour} on port ${port}`,
    command: program.command,
    args: [
      ...program.args,
      '--no-defaults',
      `--datadir=${data}`,
      `--tmpdir=${directory}`,
      `--socket=${socketPath}`,
      `--pid-file=${join(directory, 'mysql.pid')}`,
      `--port=${port}`,
      ...(flavour === 'mysql' ? mysqlArgs(program) : mariadbArgs()),
      ...(options.args ?? []),
    ],
    logFile: join(directory, 'server.log'),
    probe: async () => {
      version = await askMysqlVersion({ host: '127.0.0.1', port, user: 'root' });
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
  const rootUrl = `mysql://root@127.0.0.1:${port}`;
  return { ...server, flavour, version, host: '127.0.0.1', port, rootUrl, socketPath, destroy };
}

/**
 * What the tests need of every server, wherever it runs. Nothing here gives up a commit on SIGKILL: what the
 * server wrote stays in the kernel's cache, only a crash of the machine would lose it.
 */
export function binlogArgs(flavour: MysqlFlavour): readonly string[] {
  const common = ['--server-id=1', '--log-bin=binlog', '--binlog-row-metadata=FULL', '--sync-binlog=0'];
  const fast = ['--innodb-flush-log-at-trx-commit=2', '--innodb-buffer-pool-size=64M'];
  return flavour === 'mysql'
    ? [...common, ...fast, '--gtid-mode=ON', '--enforce-gtid-consistency=ON', '--mysqlx=OFF']
    : [...common, ...fast, '--binlog-format=ROW'];
}

const localArgs: readonly string[] = [
  '--bind-address=127.0.0.1',
  '--innodb-buffer-pool-dump-at-shutdown=OFF',
  '--innodb-buffer-pool-load-at-startup=OFF',
  '--innodb-doublewrite=OFF',
  // The kernel's limit of native requests is soon used up by several servers.
  '--innodb-use-native-aio=OFF',
];

function mysqlArgs(program: Program): readonly string[] {
  const own = ['--secure-file-priv=NULL', '--innodb-redo-log-capacity=64M'];
  return [...basedirArgs(program), ...runAsSelf(), ...localArgs, ...binlogArgs('mysql'), ...own];
}

function mariadbArgs(): readonly string[] {
  return [...runAsSelf(), ...localArgs, ...binlogArgs('mariadb'), '--innodb-log-file-size=64M'];
}

/** @throws Error of mysql2 as long as the server takes no connections. */
export async function askMysqlVersion(options: ConnectionOptions): Promise<string> {
  const connection = await createConnection({ connectTimeout: 2_000, ...options });
  try {
    const [rows] = await connection.query<RowDataPacket[]>('SELECT VERSION() AS version');
    return String(rows[0]?.['version']);
  } finally {
    connection.destroy();
  }
}
