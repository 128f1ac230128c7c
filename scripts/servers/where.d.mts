/** How a server program is run: `args` come before the server's own. `basedir` is set where it differs from the built-in one. */
export interface Program {
  readonly command: string;
  readonly args: readonly string[];
  readonly basedir: string | undefined;
}

/** `$XDG_CACHE_HOME/unstale`, or `~/.cache/unstale`. It may not exist yet. */
export function cacheDirectory(): string;

/** The Debian sid root that holds MySQL, Redis 8 and Valkey; complete whenever it exists. */
export function mysqlRoot(): string;

/** The path of the first of the named programs that is installed. */
export function findProgram(...names: readonly string[]): string | undefined;

/** MySQL 8 or newer: from PATH, else from the sid root. */
export function findMysqld(): Program | undefined;

/** The path of MariaDB's server, if what makes its data directory is installed too. */
export function findMariadbd(): string | undefined;

/** The path of the system's Redis server; its name may be another than redis-server. */
export function findRedisServer(): string | undefined;

/** A program of the sid root, by its path inside, e.g. `usr/sbin/mysqld`. */
export function programInMysqlRoot(path: string): Program | undefined;
export function findBrowser(): string | undefined;
export function findPromtool(): string | undefined;
export function ownPromtool(): string;
