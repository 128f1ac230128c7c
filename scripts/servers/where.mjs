// Where the servers of tests, demo and bench are found. Plain JavaScript: scripts/setup.mjs imports it before
// TypeScript can run.
import { spawnSync } from 'node:child_process';
import { accessSync, constants, existsSync, readdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { delimiter, join } from 'node:path';

export function cacheDirectory() {
  return join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'unstale');
}

export function mysqlRoot() {
  return join(cacheDirectory(), 'mysql-root');
}

export function findProgram(...names) {
  // Servers live in sbin, which is not on every user's PATH.
  const directories = [...(process.env.PATH ?? '').split(delimiter), '/usr/local/sbin', '/usr/sbin'];
  for (const name of names) {
    for (const directory of directories) {
      const path = join(directory, name);
      if (directory !== '' && isExecutableFile(path)) return path;
    }
  }
  return undefined;
}

export function findMysqld() {
  const path = findProgram('mysqld');
  if (path !== undefined) {
    // Where MariaDB is installed, mysqld is a link to mariadbd.
    const version = spawnSync(path, ['--version'], { encoding: 'utf8' }).stdout ?? '';
    const major = /\bVer (\d+)\./.exec(version)?.[1];
    if (!version.includes('MariaDB') && Number(major) >= 8)
      return { command: path, args: [], basedir: undefined };
  }
  return programInMysqlRoot('usr/sbin/mysqld');
}

export function findMariadbd() {
  // Debian packs what the installer calls apart from the server.
  const complete = ['mariadb-install-db', 'my_print_defaults'].every(
    (name) => findProgram(name) !== undefined,
  );
  return complete ? findProgram('mariadbd') : undefined;
}

export function findRedisServer() {
  // Debian's redis-tools holds the one binary under this name; redis-server is a link to it.
  return findProgram('redis-server', 'redis-check-rdb');
}

/** A Chromium for the tests of the console. */
export function findBrowser() {
  return findProgram('chromium', 'chromium-browser', 'google-chrome');
}

/** Checks alert rules. It may be a copy of setup's own: Debian packs it with a server that installing would start. */
export function findPromtool() {
  const own = ownPromtool();
  return findProgram('promtool') ?? (isExecutableFile(own) ? own : undefined);
}

export function ownPromtool() {
  return join(cacheDirectory(), 'promtool');
}

export function programInMysqlRoot(path) {
  const root = mysqlRoot();
  if (!existsSync(join(root, path))) return undefined;
  const libraries = readdirSync(join(root, 'usr/lib')).find((name) => name.endsWith('-linux-gnu'));
  if (libraries === undefined) return undefined;
  const libraryPath = join(root, 'usr/lib', libraries);
  const loader = readdirSync(libraryPath).find((name) => name.startsWith('ld-linux'));
  if (loader === undefined) return undefined;
  // Run by the root's own loader and libraries instead of by chroot: needs no privilege and no mounts.
  return {
    command: join(libraryPath, loader),
    args: ['--library-path', libraryPath, join(root, path)],
    basedir: join(root, 'usr'),
  };
}

function isExecutableFile(path) {
  try {
    accessSync(path, constants.X_OK);
    return statSync(path).isFile();
  } catch {
    return false;
  }
}
