import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient, SqlRow } from '../pipeline/ports.ts';
import { attempt } from './preflight/attempt.ts';

/**
 * Names in a server_id clash the clients that read the binlog now, as far as the account may see them: its own
 * sessions always, others with the privilege PROCESS.
 */
export async function nameOtherClients(
  clash: UnstaleError,
  serverId: number,
  client: SqlClient,
): Promise<UnstaleError> {
  const [sessions, replicas] = await Promise.all([
    attempt(client, 'SHOW PROCESSLIST'),
    attempt(client, 'SHOW REPLICAS', 'SHOW SLAVE HOSTS'),
  ]);
  const reading = sessions.outcome === 'rows' ? sessions.rows.filter(readsBinlog).map(describeSession) : [];
  const registered =
    replicas.outcome === 'rows'
      ? replicas.rows.filter((row) => field(row, 'server_id') === String(serverId)).map(describeReplica)
      : [];
  const others = [...reading, ...registered];
  const who =
    others.length === 0
      ? 'no other reader of the binlog can be seen by this account (PROCESS shows those of other accounts)'
      : `the binlog is read by ${others.join('; ')}`;
  return new UnstaleError(clash.code, `server_id ${serverId} is used twice: ${clash.message}; ${who}`, {
    cause: clash,
  });
}

function readsBinlog(row: SqlRow): boolean {
  return field(row, 'command').startsWith('Binlog Dump');
}

function describeSession(row: SqlRow): string {
  return `${field(row, 'user')} at ${field(row, 'host')} (connection ${field(row, 'id')}, for ${field(row, 'time')} s)`;
}

function describeReplica(row: SqlRow): string {
  return `a replica that registered as ${field(row, 'host') || 'no host'}:${field(row, 'port')}`;
}

/** A column's value by its name in any case: MySQL writes Server_Id, MariaDB Server_id. */
function field(row: SqlRow, name: string): string {
  const column = Object.keys(row).find((candidate) => candidate.toLowerCase() === name);
  const value = column === undefined ? undefined : row[column];
  return typeof value === 'string' || typeof value === 'number' ? String(value) : '';
}
