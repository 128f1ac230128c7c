import { asUnstaleError } from '../../errors/unstale-error.ts';
import type { SqlClient } from '../../pipeline/ports.ts';
import { readServerFacts } from '../server-facts.ts';
import type { ServerFacts } from '../server-facts.ts';
import type { PreflightProblem } from './problem.ts';

/** A server that `source.barrier` names. */
export interface NamedServer {
  /** `host:port`. */
  readonly name: string;
  readonly client: SqlClient;
}

/** Asks a server that the barrier needs whether it can tell what is visible on it. Never rejects. */
export async function checkBarrierServer(
  { name, client }: NamedServer,
  source: ServerFacts,
): Promise<PreflightProblem[]> {
  const subject = `source.barrier ${name}`;
  try {
    const server = await readServerFacts(client);
    if (server.flavour !== source.flavour) {
      return [
        {
          code: 'UNSTALE_PRECONDITION',
          severity: 'error',
          subject,
          message:
            `source.barrier names ${name}, a server of another kind than the source (${server.version}), ` +
            `whose GTIDs it does not know: remove it from the list.`,
        },
      ];
    }
    if (server.gtidEnabled) {
      await client.query(
        server.flavour === 'mysql'
          ? "SELECT WAIT_FOR_EXECUTED_GTID_SET('', 0) AS outcome"
          : "SELECT MASTER_GTID_WAIT('', 0) AS outcome",
      );
      return [];
    }
    return [
      {
        code: 'UNSTALE_BARRIER_UNAVAILABLE',
        severity: 'warning',
        subject,
        message: `gtid_mode is off on ${name}, which source.barrier names: it cannot tell what is visible, and each delete is repeated one second later.`,
      },
    ];
  } catch (thrown) {
    const error = asUnstaleError(thrown);
    return [
      {
        // At run time such a server is waited for; whatever else is wrong does not pass by itself.
        code: error.policy.directive === 'retry' ? 'UNSTALE_BARRIER_FAILED' : error.code,
        severity: 'error',
        subject,
        message: `${name}, which source.barrier names, cannot be asked: ${error.message}`,
      },
    ];
  }
}
