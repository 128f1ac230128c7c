import type { SqlClient, SqlRow } from '../../pipeline/ports.ts';
import { attempt } from './attempt.ts';
import type { Attempt } from './attempt.ts';
import { text } from './catalog.ts';
import type { PreflightProblem } from './problem.ts';
import { setGlobal } from './settings.ts';
import { readGlobalVariables } from '../server-facts.ts';
import type { ServerFacts } from '../server-facts.ts';

/** The replicas that registered, for accounts that may see them. */
export async function listReplicas(client: SqlClient): Promise<Attempt> {
  return attempt(client, 'SHOW REPLICAS', 'SHOW SLAVE HOSTS');
}

/**
 * Whether `serverId` is free; `replicas` is what `listReplicas` gave. A client that only reads the binlog, as this daemon does, does not register:
 * what SHOW REPLICAS lists are real replicas, and a daemon that runs already is not taken for another one.
 */
export function checkServerIds(
  server: ServerFacts,
  serverId: number,
  replicas: Attempt,
): readonly PreflightProblem[] {
  const clash = (message: string): PreflightProblem => ({
    code: 'UNSTALE_SERVER_ID_CLASH',
    severity: 'error',
    subject: 'source.server_id',
    message: `${message} Choose another number for source.server_id.`,
  });
  const problems: PreflightProblem[] = [];
  if (server.serverId === 0) {
    problems.push({
      code: 'UNSTALE_SERVER_ID_CLASH',
      severity: 'error',
      subject: 'server_id',
      message: 'The server has server_id 0 and refuses to send its binlog to anyone.',
      fix: setGlobal(server, 'server_id', '1'),
    });
  }
  if (server.serverId === serverId) problems.push(clash(`${serverId} is the server's own server_id.`));
  if (replicas.outcome === 'rows') {
    for (const replica of replicas.rows) {
      if (field(replica, 'server_id') !== String(serverId)) continue;
      problems.push(
        clash(
          `A replica with server_id ${serverId} is connected${hostOf(replica)}; the two would cut each other off.`,
        ),
      );
    }
  }
  return problems;
}

/** Whether changes to the mapped schemas reach the binlog at all. */
export async function checkLogFilters(
  client: SqlClient,
  server: ServerFacts,
  binlogStatus: SqlRow | undefined,
  schemas: readonly string[],
): Promise<readonly PreflightProblem[]> {
  if (!server.logBin) return [];
  const { variable, unlogged } = leftOut(binlogStatus, schemas);
  return [
    ...unlogged.map((schema): PreflightProblem => ({
      code: 'UNSTALE_BINLOG_OFF',
      severity: 'error',
      subject: variable,
      message: `The server's option ${variable} keeps changes in ${schema} out of the binlog. Change it in the server's configuration.`,
    })),
    ...(await checkReplicaUpdates(client)),
  ];
}

/** Those of the schemas that a filter of the server keeps out of the binlog, and the option that does. */
export function leftOut(
  binlogStatus: SqlRow | undefined,
  schemas: readonly string[],
): { readonly variable: string; readonly unlogged: readonly string[] } {
  const only = names(binlogStatus, 'binlog_do_db');
  const never = names(binlogStatus, 'binlog_ignore_db');
  return only.length > 0
    ? { variable: 'binlog_do_db', unlogged: schemas.filter((schema) => !only.includes(schema)) }
    : { variable: 'binlog_ignore_db', unlogged: schemas.filter((schema) => never.includes(schema)) };
}

/** What the server says of each source that it replicates; nothing of an account that may not ask. */
export async function replicaStatus(client: SqlClient): Promise<readonly SqlRow[]> {
  const status = await attempt(client, 'SHOW REPLICA STATUS', 'SHOW SLAVE STATUS');
  return status.outcome === 'rows' ? status.rows : [];
}

/** A replica that does not log what it replicates has a binlog without the source's changes. */
async function checkReplicaUpdates(client: SqlClient): Promise<readonly PreflightProblem[]> {
  const variables = await readGlobalVariables(client, ['log_replica_updates', 'log_slave_updates']);
  if ([...variables.values()].some((value) => value !== 'OFF')) return [];
  const [variable = 'log_slave_updates'] = variables.keys();
  if ((await replicaStatus(client)).length === 0) return [];
  return [
    {
      code: 'UNSTALE_BINLOG_OFF',
      severity: 'error',
      subject: variable,
      message:
        'The server is a replica and does not log what it replicates, so its binlog lacks those changes. ' +
        `Set ${variable} in its configuration, or follow its source.`,
    },
  ];
}

function names(row: SqlRow | undefined, column: string): readonly string[] {
  const list = row === undefined ? '' : field(row, column);
  return list === '' ? [] : list.split(',').map((name) => name.trim());
}

function hostOf(replica: SqlRow): string {
  const host = field(replica, 'host');
  return host === '' ? '' : ` from ${host}`;
}

/** A column's value by its name in any case: MySQL writes Server_Id, MariaDB Server_id. */
function field(row: SqlRow, name: string): string {
  const column = Object.keys(row).find((candidate) => candidate.toLowerCase() === name);
  return column === undefined ? '' : text(row, column);
}
