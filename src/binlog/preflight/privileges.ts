import type { SqlClient, SqlRow } from '../../pipeline/ports.ts';
import { attempt } from './attempt.ts';
import type { Attempt } from './attempt.ts';
import { text } from './catalog.ts';
import { escapeSchema, holds, holdsGlobally, parseGrants } from './grants.ts';
import type { Grant } from './grants.ts';
import { quoteAccount, quoteName } from './problem.ts';
import type { PreflightProblem } from './problem.ts';
import { readGlobalVariables } from '../server-facts.ts';
import type { ServerFacts } from '../server-facts.ts';

/** The account that the server took the login for, and what it may do. */
export interface Account {
  /** Quoted for GRANT, e.g. `'unstale'@'%'`. */
  readonly name: string;
  /** Its user part, empty for an anonymous account. */
  readonly user: string;
  readonly grants: readonly Grant[];
}

/** Of the login `user`; the grants include those of active roles. */
export async function readAccount(client: SqlClient): Promise<Account> {
  const [row] = await client.query('SELECT CURRENT_USER() AS account');
  const lines = await client.query('SHOW GRANTS');
  const account = row === undefined ? '' : text(row, 'account');
  return {
    name: quoteAccount(account),
    user: account.slice(0, account.lastIndexOf('@')),
    grants: parseGrants(lines.flatMap((line) => Object.values(line).map(String))),
  };
}

/** What following the binlog needs, found out by trying where the server has a harmless statement for it. */
export async function checkReplicationPrivileges(
  client: SqlClient,
  server: ServerFacts,
  account: Account,
  user: string,
  replicas: Attempt,
): Promise<{ readonly problems: readonly PreflightProblem[]; readonly binlogStatus: SqlRow | undefined }> {
  const status = await attempt(client, 'SHOW BINARY LOG STATUS', 'SHOW MASTER STATUS');
  const missing = [
    ...(mayReplicate(server, account, replicas) ? [] : ['REPLICATION SLAVE']),
    ...(status.outcome === 'denied' ? ['REPLICATION CLIENT'] : []),
  ];
  return {
    problems: missing.length === 0 ? [] : [missingPrivileges(missing, '*.*', account, user)],
    binlogStatus: status.outcome === 'rows' ? status.rows[0] : undefined,
  };
}

/** MySQL lists replicas to those who may be one; MariaDB asks another privilege for it. */
function mayReplicate(server: ServerFacts, account: Account, replicas: Attempt): boolean {
  if (server.flavour === 'mysql' && replicas.outcome !== 'refused') return replicas.outcome === 'rows';
  return holdsGlobally(account.grants, 'REPLICATION SLAVE');
}

/** Privileges on the state database, and whether the server takes writes at all. */
export async function checkStateDatabase(
  client: SqlClient,
  database: string,
  account: Account,
  user: string,
): Promise<readonly PreflightProblem[]> {
  const variables = await readGlobalVariables(client, ['read_only', 'super_read_only', 'partial_revokes']);
  const tables = await client.query(
    "SELECT 1 AS found FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = 'positions'",
    [database],
  );
  // The state tables' own statements tell whether their version is right.
  const needed = [...(tables.length > 0 ? [] : ['CREATE']), 'SELECT', 'INSERT', 'UPDATE'];
  const missing = needed.filter((privilege) => !holds(account.grants, privilege, database, 'positions'));
  const pattern = variables.get('partial_revokes') === 'ON' ? database : escapeSchema(database);
  return [
    ...(missing.length === 0 ? [] : [missingPrivileges(missing, `${quoteName(pattern)}.*`, account, user)]),
    ...(isReadOnlyFor(account, variables)
      ? [
          {
            code: 'UNSTALE_STATE_READ_ONLY',
            severity: 'error',
            subject: 'read_only',
            message: `The server takes no writes, so the position cannot be stored in ${database}. Point state.url at a server that does.`,
          } as const,
        ]
      : []),
  ];
}

function isReadOnlyFor({ grants }: Account, variables: ReadonlyMap<string, string>): boolean {
  if ((variables.get('super_read_only') ?? 'OFF') !== 'OFF') return true;
  if ((variables.get('read_only') ?? 'OFF') === 'OFF') return false;
  return !['SUPER', 'CONNECTION_ADMIN', 'READ_ONLY ADMIN'].some((privilege) =>
    holdsGlobally(grants, privilege),
  );
}

function missingPrivileges(
  privileges: readonly string[],
  level: string,
  { name, user: accountUser }: Account,
  user: string,
): PreflightProblem {
  const list = privileges.join(', ');
  const other = accountUser === user ? '' : ` The server took the login "${user}" for this account.`;
  return {
    code: 'UNSTALE_PRIVILEGE_MISSING',
    severity: 'error',
    subject: list,
    message: `The account ${name} lacks ${list} on ${level}.${other}`,
    fix: `GRANT ${list} ON ${level} TO ${name}`,
  };
}
