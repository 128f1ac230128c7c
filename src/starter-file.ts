import { open } from 'node:fs/promises';
import { listPrimaryKeys } from './binlog/preflight/primary-keys.ts';
import { parseMysqlUrl } from './config/mysql-url.ts';
import { renderStarter } from './config/starter.ts';
import { asUnstaleError, UnstaleError } from './errors/unstale-error.ts';
import { createSqlClient } from './runtime/mysql-client.ts';

export interface StarterOptions {
  readonly file: string;
  /** Replace an existing file. */
  readonly force: boolean;
  readonly clientId: string;
  readonly sourceUrl: string;
  /** Wins over a password in the URL; never written to the file. */
  readonly password: string | undefined;
  readonly redisUrl: string;
  /** Only tables of these schemas; all but the system's when empty. */
  readonly schemas: readonly string[];
}

/**
 * Writes a configuration with one rule for each table of the live server, from its primary key. Returns how
 * many tables got a rule.
 * @throws UnstaleError when the server cannot be asked or the file exists
 */
export async function writeStarter(options: StarterOptions): Promise<{ readonly rules: number; readonly tables: number }> {
  const endpoint = parseMysqlUrl(options.sourceUrl, options.password);
  const client = createSqlClient(endpoint, { name: 'init', queryTimeout: 30_000 });
  try {
    const tables = await listPrimaryKeys(client, options.schemas);
    const text = renderStarter({
      clientId: options.clientId,
      sourceUrl: withoutPassword(options.sourceUrl),
      redisUrl: options.redisUrl,
      tables,
    });
    await writeNew(options.file, text, options.force);
    return { rules: tables.filter((table) => table.usable).length, tables: tables.length };
  } finally {
    await client.close();
  }
}
