import type { SqlClient, SqlRow } from '../../pipeline/ports.ts';
import { text } from './catalog.ts';
import type { PreflightProblem } from './problem.ts';
import { leftOut, replicaStatus } from './server.ts';

/** Whether the state database on the source is one that a failover of the source leaves alone. */
export async function checkStateReplication(
  client: SqlClient,
  binlogStatus: SqlRow | undefined,
  database: string,
): Promise<readonly PreflightProblem[]> {
  const { variable, unlogged } = leftOut(binlogStatus, [database]);
  const problems = unlogged.map(() =>
    warning(
      variable,
      `The server's option ${variable} keeps ${database} out of the binlog: a replica that is promoted does not know the position, ` +
        'and a start there begins at source.init_position. Change it in the configuration of the server, or set state.url.',
    ),
  );
  const replicates = (await replicaStatus(client)).some((row) => isRunning(row));
  if (!replicates) return problems;
  return [
    ...problems,
    warning(
      'state.url',
      'The source is a replica, and the position would be written there: a transaction that its primary does not have. ' +
        'Set state.url to the primary, or to another server.',
    ),
  ];
}

/** A server that was promoted may keep the name of its former source. */
function isRunning(row: SqlRow): boolean {
  return ['Replica_IO_Running', 'Slave_IO_Running'].some((column) => {
    const state = text(row, column).toLowerCase();
    return state !== '' && state !== 'no';
  });
}

function warning(subject: string, message: string): PreflightProblem {
  return { code: 'UNSTALE_STATE_NOT_REPLICATED', severity: 'warning', subject, message };
}
