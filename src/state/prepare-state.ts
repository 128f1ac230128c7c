import type { SqlClient } from '../pipeline/ports.ts';
import { migrateState } from './migrate.ts';
import type { MigrateOptions } from './migrate.ts';
import { asStateError } from './state-error.ts';

/**
 * For `optionalSessionSetup` of a state client whose writes should stay out of the server's own binlog: no
 * bytes, no GTIDs. The rows then do not reach the server's replicas either, so that after a failover to one
 * of them there is no checkpoint.
 */
export const UNLOGGED_WRITES: readonly string[] = ['SET SESSION sql_log_bin = 0'];

/**
 * Creates or migrates the tables, see `migrateState`, and says where writes to them go; to be called before anything
 * else.
 */
export async function prepareState(options: MigrateOptions): Promise<void> {
  const { client, database, log } = options;
  await migrateState(options);
  const logged = await isLogged(client, database);
  log.info(
    { database, logged },
    logged ? 'position writes are in the binlog' : 'position writes stay out of the binlog',
  );
}

async function isLogged(client: SqlClient, database: string): Promise<boolean> {
  const query = client.query('SELECT @@SESSION.sql_log_bin AS logged');
  const [row] = await query.catch((error: unknown) => {
    throw asStateError(error, database);
  });
  return Number(row?.['logged']) === 1;
}
