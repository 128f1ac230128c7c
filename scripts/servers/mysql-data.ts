import { execFile } from 'node:child_process';
import { createHash } from 'node:crypto';
import { constants, existsSync } from 'node:fs';
import { cp, mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';

import { programVersion } from './installed.ts';
import type { MysqlFlavour } from './installed.ts';
import { cacheDirectory, findProgram } from './where.mjs';
import type { Program } from './where.mjs';

const run = promisify(execFile);

/** Both refuse to run as root unless told so; other users cannot change the user. */
export function runAsSelf(): readonly string[] {
  return process.getuid?.() === 0 ? ['--user=root'] : [];
}

/** Where the program's own files lie, for a program outside its built-in place. */
export function basedirArgs(program: Program): readonly string[] {
  if (program.basedir === undefined) return [];
  return [`--basedir=${program.basedir}`, `--plugin-dir=${program.basedir}/lib/mysql/plugin`];
}

/**
 * Fills a new data directory: `root` without password, no other accounts but the server's own, no schemas. It
 * is a copy of a template in the user's cache, made once per program version (3 s for MySQL).
 */
export async function createDataDirectory(
  flavour: MysqlFlavour,
  program: Program,
  target: string,
): Promise<void> {
  const [command, ...args] = flavour === 'mysql' ? initializeMysql(program) : initializeMariadb();
  if (command === undefined) throw new Error('no command');
  const identity = [await programVersion(program), command, ...args].join('\n');
  const hash = createHash('sha256').update(identity).digest('hex').slice(0, 12);
  const template = join(cacheDirectory(), `data-${flavour}-${hash}`);
  if (!existsSync(template)) await createTemplate(flavour, template, [command, ...args]);
  await cp(template, target, { recursive: true, mode: constants.COPYFILE_FICLONE });
}

async function createTemplate(
  flavour: MysqlFlavour,
  template: string,
  [command, ...args]: readonly [string, ...string[]],
): Promise<void> {
  await mkdir(dirname(template), { recursive: true });
  const building = await mkdtemp(`${template}.building-`);
  // A MariaDB that starts removes what others have in the directory of temporary tables.
  const temporary = await mkdtemp(`${template}.temporary-`);
  const env = { ...process.env, TMPDIR: temporary };
  try {
    await run(command, [...args, `--datadir=${building}`], { env }).catch((error: unknown) => {
      // mariadb-install-db explains itself on stdout.
      const output = error instanceof Error && 'stdout' in error ? String(error.stdout).trim() : '';
      throw new Error(`no data directory for ${flavour}: ${String(error)}\n${output}`);
    });
    // Holds the server's UUID: every copy gets its own.
    await rm(join(building, 'auto.cnf'), { force: true });
    await rename(building, template).catch((error: unknown) => {
      // Another process was faster.
      if (!existsSync(template)) throw error;
    });
  } finally {
    for (const path of [building, temporary]) await rm(path, { recursive: true, force: true });
  }
  await removeOutdated(flavour, template);
}

async function removeOutdated(flavour: MysqlFlavour, template: string): Promise<void> {
  for (const name of await readdir(dirname(template))) {
    const path = join(dirname(template), name);
    const isTemplate = new RegExp(`^data-${flavour}-[0-9a-f]{12}$`).test(name);
    if (isTemplate && path !== template) await rm(path, { recursive: true, force: true });
  }
}

function initializeMysql(program: Program): readonly string[] {
  return [
    program.command,
    ...program.args,
    '--no-defaults',
    ...basedirArgs(program),
    ...runAsSelf(),
    '--initialize-insecure',
    '--mysqlx=OFF',
    '--secure-file-priv=NULL',
    // Small files make small copies; a start with other settings resizes them.
    '--innodb-redo-log-capacity=8M',
    '--innodb-doublewrite=OFF',
    '--innodb-buffer-pool-dump-at-shutdown=OFF',
  ];
}

function initializeMariadb(): readonly string[] {
  const installer = findProgram('mariadb-install-db');
  if (installer === undefined) throw new Error('mariadb-install-db is missing beside mariadbd');
  return [
    installer,
    '--no-defaults',
    ...runAsSelf(),
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--innodb-log-file-size=8M',
  ];
}
