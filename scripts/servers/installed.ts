import { execFile } from 'node:child_process';
import { promisify } from 'node:util';

import { findMariadbd, findMysqld, findRedisServer, programInMysqlRoot } from './where.mjs';
import type { Program } from './where.mjs';

export type MysqlFlavour = 'mysql' | 'mariadb';

/** `redis` is the system's; `redis8` and `valkey` come with the sid root. */
export type RedisImplementation = 'redis' | 'redis8' | 'valkey';

const run = promisify(execFile);

/** @throws Error naming the command that installs it, when it is missing. */
export function mysqlProgram(flavour: MysqlFlavour): Program {
  return found(lookUpMysql(flavour), flavour === 'mysql' ? 'MySQL' : 'MariaDB');
}

/** @throws Error naming the command that installs it, when it is missing. */
export function redisProgram(implementation: RedisImplementation): Program {
  return found(lookUpRedis(implementation), implementation);
}

export async function installedMysqlFlavours(): Promise<MysqlFlavour[]> {
  const flavours: readonly MysqlFlavour[] = ['mysql', 'mariadb'];
  return flavours.filter((flavour) => lookUpMysql(flavour) !== undefined);
}

export async function installedRedisImplementations(): Promise<RedisImplementation[]> {
  const implementations: readonly RedisImplementation[] = ['redis', 'redis8', 'valkey'];
  return implementations.filter((implementation) => lookUpRedis(implementation) !== undefined);
}

/** What the program prints for `--version`, e.g. `mysqld  Ver 9.7.4 for Linux`. */
export async function programVersion(program: Program): Promise<string> {
  const { stdout } = await run(program.command, [...program.args, '--version']);
  return stdout.trim();
}

function lookUpMysql(flavour: MysqlFlavour): Program | undefined {
  return flavour === 'mysql' ? findMysqld() : systemProgram(findMariadbd());
}

function lookUpRedis(implementation: RedisImplementation): Program | undefined {
  if (implementation === 'redis') return systemProgram(findRedisServer());
  return programInMysqlRoot(`usr/bin/${implementation === 'valkey' ? 'valkey' : 'redis'}-server`);
}

function systemProgram(command: string | undefined): Program | undefined {
  return command === undefined ? undefined : { command, args: [], basedir: undefined };
}

function found(program: Program | undefined, name: string): Program {
  if (program === undefined) throw new Error(`${name} is not installed; run: node scripts/setup.mjs`);
  return program;
}
