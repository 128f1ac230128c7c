import type { MysqlSource } from '../binlog/mysql-source.ts';
import type { Config } from '../config/config.ts';
import { openSourceClient, openStoredState } from '../connections.ts';
import type { StoredState } from '../connections.ts';
import type { Log, SqlClient } from '../pipeline/ports.ts';
import { createRetryDelay } from '../runtime/backoff.ts';
import { UNLEASED } from '../state/held-lease.ts';
import { createSource } from '../stream.ts';

const SILENT: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
};

/** What an operator's command looks at, beside the daemon. */
export interface PositionDesk {
  readonly config: Config;
  /** Of the source. */
  readonly client: SqlClient;
  /** Not opened; it is asked where it would begin. */
  readonly source: MysqlSource;
  readonly state: StoredState;
}

/** Opens connections for as long as `work` takes; each connects when it is first used. */
export async function atDesk<T>(config: Config, work: (desk: PositionDesk) => Promise<T>): Promise<T> {
  const client = openSourceClient(config);
  const state = openStoredState(config, SILENT);
  const retryDelay = createRetryDelay({ initial: 100, max: 2000 });
  const source = createSource(config, {
    client,
    retryDelay,
    gate: UNLEASED,
    log: SILENT,
    onConnect: () => undefined,
  });
  try {
    return await work({ config, client, source, state });
  } finally {
    await Promise.all([client.close(), state.close()]);
  }
}
