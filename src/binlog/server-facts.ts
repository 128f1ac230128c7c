import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient } from '../pipeline/ports.ts';

type ServerFlavour = 'mysql' | 'mariadb';

/** What a server is, as far as following its binlog depends on it. */
export interface ServerFacts {
  readonly flavour: ServerFlavour;
  /** As the server tells it, e.g. `9.7.4` or `10.11.19-MariaDB-log`. */
  readonly version: string;
  /**
   * MySQL's `server_uuid`. MariaDB has none, and its `server_uid` is made of network address and port, which
   * change under the same data: there it is `mariadb-` and the server id, which replication requires to be
   * unique as well, and which its GTIDs carry.
   */
  readonly serverUuid: string;
  readonly serverId: number;
  /** Whether transactions have GTIDs: MySQL's gtid_mode is ON; on MariaDB they always have. */
  readonly gtidEnabled: boolean;
  readonly logBin: boolean;
}

/**
 * Asks the server what it is; needs no privilege.
 * @throws UnstaleError of the client; UNSTALE_PRECONDITION when it is no MySQL or MariaDB.
 */
export async function readServerFacts(client: SqlClient): Promise<ServerFacts> {
  const variables = await readGlobalVariables(client, [
    'version',
    'server_uuid',
    'server_id',
    'gtid_mode',
    'gtid_domain_id',
    'log_bin',
  ]);
  const version = variables.get('version');
  const serverId = Number(variables.get('server_id'));
  if (version === undefined || !Number.isSafeInteger(serverId)) {
    throw new UnstaleError('UNSTALE_PRECONDITION', 'the server does not tell its version and server_id');
  }
  // Distributors change the version's text; the variable is MariaDB's own.
  const flavour = variables.has('gtid_domain_id') ? 'mariadb' : 'mysql';
  const uuid = flavour === 'mysql' ? variables.get('server_uuid') : undefined;
  return {
    flavour,
    version,
    serverUuid: uuid ?? `${flavour}-${serverId}`,
    serverId,
    gtidEnabled: flavour === 'mariadb' || variables.get('gtid_mode') === 'ON',
    logBin: variables.get('log_bin') === 'ON',
  };
}

/** The global values of those variables that the server has, by lower-case name. */
export async function readGlobalVariables(
  client: SqlClient,
  names: readonly string[],
): Promise<ReadonlyMap<string, string>> {
  const marks = names.map(() => '?').join(', ');
  const rows = await client.query(`SHOW GLOBAL VARIABLES WHERE Variable_name IN (${marks})`, names);
  return new Map(rows.map((row) => [String(row['Variable_name']).toLowerCase(), String(row['Value'])]));
}

/** Whether a version is `major.minor` or newer. */
export function isAtLeast(version: string, major: number, minor: number): boolean {
  const [ownMajor = 0, ownMinor = 0] = version.split('.').map((part) => Number.parseInt(part, 10));
  return ownMajor > major || (ownMajor === major && ownMinor >= minor);
}
