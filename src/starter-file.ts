import { writeFile } from 'node:fs/promises';
import { listPrimaryKeys } from './binlog/preflight/primary-keys.ts';
import { parseMysqlUrl } from './config/mysql-url.ts';
import { renderStarter } from './config/starter.ts';
import { UnstaleError } from './errors/unstale-error.ts';
import { createSqlClient } from './runtime/mysql-client.ts';
import type { SqlClient } from './runtime/mysql-client.ts';

export interface StarterOptions {
  readonly file: string;
  /** Replace an existing file. */
  readonly force: boolean;
  readonly clientId: string;
  readonly sourceUrl: string;
  /** Used when the URL has none; never written to the file. */
  readonly password: string | undefined;
  readonly redisUrl: string;
  /** Only tables of these schemas; of all but the system's when empty. */
  readonly schemas: readonly string[];
}

export interface WrittenStarter {
  /** Tables that got a rule. */
  readonly rules: number;
  readonly tables: number;
}

/**
 * Writes a configuration with one rule for each table of the live server, from its primary key.
 * @throws UnstaleError when the URL is wrong, the server cannot be asked, or the file exists
 */
export async function writeStarter(options: StarterOptions): Promise<WrittenStarter> {
  const client = openClient(options);
  try {
    const tables = await listPrimaryKeys(client, options.schemas.length === 0 ? undefined : options.schemas);
    const text = renderStarter({
      clientId: options.clientId,
      sourceUrl: withoutPassword(options.sourceUrl),
      redisUrl: withoutPassword(options.redisUrl),
      tables,
    });
    await write(options.file, text, options.force);
    return { rules: tables.filter((table) => table.usable).length, tables: tables.length };
  } finally {
    await client.close();
  }
}

function openClient(options: StarterOptions): SqlClient {
  const parsed = parseMysqlUrl(options.sourceUrl);
  if (!parsed.ok) throw new UnstaleError('UNSTALE_USAGE', `--source ${parsed.message}; ${parsed.remedy}`);
  const { host = '127.0.0.1', port = 3306, user, password = options.password } = parsed.value;
  if (user === undefined)
    throw new UnstaleError('UNSTALE_USAGE', '--source names no user; write mysql://USER@HOST:3306');
  return createSqlClient(
    {
      host,
      port,
      user,
      ...(password === undefined ? {} : { password }),
      sslMode: 'preferred',
      connectTimeout: 10_000,
    },
    { name: 'source', queryTimeout: 30_000 },
  );
}

function withoutPassword(url: string): string {
  const parsed = URL.parse(url);
  if (parsed === null || parsed.password === '') return url;
  parsed.password = '';
  return parsed.href;
}

async function write(file: string, text: string, replace: boolean): Promise<void> {
  try {
    await writeFile(file, text, { flag: replace ? 'w' : 'wx' });
  } catch (error) {
    const exists = error instanceof Error && 'code' in error && error.code === 'EEXIST';
    const problem = exists ? 'exists already; use --force to replace it' : 'cannot be written';
    throw new UnstaleError('UNSTALE_USAGE', `${file} ${problem}`, { cause: error });
  }
}
