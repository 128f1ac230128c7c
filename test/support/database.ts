import { randomBytes } from 'node:crypto';

import { createConnection, createPool } from 'mysql2/promise';
import type { Pool } from 'mysql2/promise';

import type { MysqlFlavour } from '../../scripts/servers/installed.ts';

/** What of a server is needed here; a MysqlServer and a provided server both have it. */
export interface DatabaseServer {
  readonly flavour: MysqlFlavour;
  readonly rootUrl: string;
}

export interface DatabaseOptions {
  /** Of the daemon's account; random if not given. */
  readonly password?: string;
}

type SqlValue = string | number | bigint | boolean | Date | Buffer | null;

/** A schema of one test, with an account for the daemon. */
export interface TestDatabase {
  readonly name: string;
  /** For the configuration's `state.database`; the daemon creates it. */
  readonly stateDatabase: string;
  /** The daemon's account, with exactly the documented privileges. */
  readonly account: { readonly user: string; readonly password: string };
  /** `mysql://user:password@host:port` of the daemon's account. */
  readonly url: string;
  /** Connections of root, with the schema selected. */
  readonly pool: Pool;
  /** Runs a statement as root on any connection; the rows of a SELECT, otherwise none. */
  query(sql: string, values?: SqlValue[]): Promise<readonly Record<string, unknown>[]>;
  /** Removes schemas and account, and closes the pool. The server has to be running. */
  drop(): Promise<void>;
}

export async function createDatabase(
  server: DatabaseServer,
  options: DatabaseOptions = {},
): Promise<TestDatabase> {
  // No underscore: it is a wildcard in the schema name of a GRANT.
  const name = `t${randomBytes(5).toString('hex')}`;
  const stateDatabase = `${name}state`;
  const account = {
    user: `${name}daemon`,
    password: options.password ?? randomBytes(9).toString('base64url'),
  };
  const who = `'${account.user}'@'%'`;
  const root = rootCredentials(server);

  const setup = await createConnection(root);
  try {
    await setup.query(`CREATE DATABASE ${name}`);
    await setup.query(`CREATE USER ${who} IDENTIFIED BY ${setup.escape(account.password)}`);
    await setup.query(`GRANT ${replicationPrivileges(server.flavour)} ON *.* TO ${who}`);
    await setup.query(`GRANT SELECT ON ${name}.* TO ${who}`);
    await setup.query(`GRANT ALL ON ${stateDatabase}.* TO ${who}`);
  } finally {
    await setup.end();
  }

  const pool = createPool({ ...root, database: name, connectionLimit: 4 });
  return {
    name,
    stateDatabase,
    account,
    url: accountUrl(server, account),
    pool,
    query: async (sql, values) => {
      const [result] = await pool.query(sql, values);
      const rows: readonly unknown[] = Array.isArray(result) ? result : [];
      return rows.filter(isRow);
    },
    drop: async () => {
      await pool.end();
      const teardown = await createConnection(root);
      try {
        await teardown.query(`DROP DATABASE IF EXISTS ${stateDatabase}`);
        await teardown.query(`DROP DATABASE IF EXISTS ${name}`);
        await teardown.query(`DROP USER IF EXISTS ${who}`);
      } finally {
        await teardown.end();
      }
    },
  };
}

/** How root logs in to a server. */
export function rootCredentials(server: DatabaseServer): {
  host: string;
  port: number;
  user: string;
  password: string;
} {
  const url = new URL(server.rootUrl);
  return {
    host: url.hostname,
    port: Number(url.port || 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
  };
}

function accountUrl(server: DatabaseServer, account: TestDatabase['account']): string {
  const user = encodeURIComponent(account.user);
  return `mysql://${user}:${encodeURIComponent(account.password)}@${new URL(server.rootUrl).host}`;
}

/** What following the binlog needs, and reading the position at which it begins. */
function replicationPrivileges(flavour: MysqlFlavour): string {
  return flavour === 'mysql' ? 'REPLICATION SLAVE, REPLICATION CLIENT' : 'REPLICATION SLAVE, BINLOG MONITOR';
}

function isRow(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}
