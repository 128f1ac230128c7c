import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log, SqlClient } from '../pipeline/ports.ts';
import {
  createDatabaseStatement,
  createVersionsStatement,
  MIGRATIONS,
  noteVersionStatement,
  STATE_VERSION,
} from './migrations.ts';
import { quoteIdentifier } from './sql-identifier.ts';
import { asStateError, isDenied, isMissing } from './state-error.ts';

const LOCK = 'unstale:migrate';

/** Longest wait for another daemon that migrates, seconds; one attempt has to fit in a query's deadline. */
const LOCK_WAIT = 1;
const LOCK_ATTEMPTS = 30;

export interface MigrateOptions {
  /** With one connection only: the lock belongs to its session. */
  readonly client: SqlClient;
  readonly database: string;
  readonly log: Log;
}

/**
 * Brings the state tables to the version of this program. Needs no privilege to create anything when they
 * are there already. Daemons that start at once wait for each other.
 * @throws UnstaleError UNSTALE_STATE_SCHEMA when the tables are missing and cannot be created, or are newer
 * than this program; UNSTALE_STATE_UNAVAILABLE, _DENIED or _READ_ONLY otherwise.
 */
export async function migrateState(options: MigrateOptions): Promise<void> {
  const { client, database } = options;
  try {
    if (isCurrent(await appliedVersion(client, database), database)) return;
    const session = await lock(client, database);
    try {
      await applyPending(options, session);
    } finally {
      await client.query('SELECT RELEASE_LOCK(?) AS released', [LOCK]).catch(() => undefined);
    }
  } catch (error) {
    throw asStateError(error, database);
  }
}

async function applyPending({ client, database, log }: MigrateOptions, session: string): Promise<void> {
  const from = await appliedVersion(client, database);
  if (isCurrent(from, database)) return;
  const apply = async (sql: string): Promise<void> => {
    await requireLock(client, session, database);
    await client.query(sql);
  };
  try {
    if (from === 0) {
      if (!(await databaseExists(client, database))) await apply(createDatabaseStatement(database));
      await apply(createVersionsStatement(database));
    }
    for (const { version, statements } of MIGRATIONS) {
      if (version <= from) continue;
      for (const sql of statements(database)) await apply(sql);
      await apply(noteVersionStatement(database, version));
    }
  } catch (error) {
    if (!isDenied(error)) throw error;
    throw new UnstaleError(
      'UNSTALE_STATE_SCHEMA',
      `state database ${database}: the tables are missing, old or hidden from the account, which may not create them`,
      { cause: error },
    );
  }
  log.info({ database, from, to: STATE_VERSION }, 'created or migrated the state tables');
}

/** The highest applied version; 0 where there are no state tables. */
async function appliedVersion(client: SqlClient, database: string): Promise<number> {
  try {
    const [row] = await client.query(
      `SELECT COALESCE(MAX(version), 0) AS version FROM ${quoteIdentifier(database)}.schema_migrations`,
    );
    return Number(row?.['version']);
  } catch (error) {
    // Without any privilege on the database a missing table is answered with a denial, too.
    if (isMissing(error) || isDenied(error)) return 0;
    throw error;
  }
}

function isCurrent(version: number, database: string): boolean {
  if (version <= STATE_VERSION) return version === STATE_VERSION;
  throw new UnstaleError(
    'UNSTALE_STATE_SCHEMA',
    `state database ${database}: its tables have version ${version}, this program knows ${STATE_VERSION}; run a newer unstale`,
  );
}

/** Visible to every account that has a privilege on it. */
async function databaseExists(client: SqlClient, database: string): Promise<boolean> {
  const rows = await client.query(
    'SELECT 1 AS found FROM information_schema.SCHEMATA WHERE SCHEMA_NAME = ?',
    [database],
  );
  return rows.length > 0;
}

/** Takes the lock and tells the session that holds it. */
async function lock(client: SqlClient, database: string): Promise<string> {
  for (let attempt = 1; attempt <= LOCK_ATTEMPTS; attempt += 1) {
    const [row] = await client.query('SELECT GET_LOCK(?, ?) AS locked, CONNECTION_ID() AS session', [
      LOCK,
      LOCK_WAIT,
    ]);
    if (row?.['locked'] === 1) return String(row['session']);
  }
  throw new UnstaleError(
    'UNSTALE_STATE_UNAVAILABLE',
    `state database ${database}: another daemon has been migrating for ${LOCK_ATTEMPTS * LOCK_WAIT} s`,
  );
}

/** The client may have reconnected since, which gave the lock up. */
async function requireLock(client: SqlClient, session: string, database: string): Promise<void> {
  const [row] = await client.query('SELECT IS_USED_LOCK(?) AS holder', [LOCK]);
  if (String(row?.['holder']) === session) return;
  throw new UnstaleError(
    'UNSTALE_STATE_UNAVAILABLE',
    `state database ${database}: the connection was lost while migrating`,
  );
}
