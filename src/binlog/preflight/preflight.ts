import type { TableInterest } from '../../change/table.ts';
import type { Log, SqlClient } from '../../pipeline/ports.ts';
import { checkCascades } from './cascades.ts';
import { checkReplicationPrivileges, checkStateDatabase, readAccount } from './privileges.ts';
import type { PreflightReport } from './problem.ts';
import { checkLogFilters, checkServerIds, listReplicas } from './server.ts';
import { CHECKED_VARIABLES, checkSettings } from './settings.ts';
import type { RowMetadata } from './settings.ts';
import { checkTables } from './tables.ts';
import type { ConditionColumn, KeyColumn, NearestName } from './tables.ts';
import { readGlobalVariables, readServerFacts } from '../server-facts.ts';

export interface PreflightOptions {
  /** Logged in to the source with the daemon's account. */
  readonly client: SqlClient;
  readonly interests: readonly TableInterest[];
  /** How key templates use the columns of `interests`; those that are not here stand in keys as they are. */
  readonly keyColumns?: readonly KeyColumn[];
  readonly conditionColumns?: readonly ConditionColumn[];
  /** The daemon's own server_id. */
  readonly serverId: number;
  /** The name that the daemon logs in with. */
  readonly user: string;
  /** The state database on this server; undefined when the state is elsewhere. */
  readonly stateDatabase: string | undefined;
  /** `source.row_metadata`; full by default. */
  readonly rowMetadata?: RowMetadata;
  readonly log: Log;
  /** Finds what a mistyped table or column may have meant; without it no suggestions are made. */
  readonly nearestName?: NearestName;
}

/**
 * Looks for everything that keeps the daemon from following this server correctly, and changes nothing.
 * @throws UnstaleError only when the server cannot be asked at all.
 */
export async function runPreflight(options: PreflightOptions): Promise<PreflightReport> {
  const { client, interests, user, stateDatabase, log } = options;
  const server = await readServerFacts(client);
  const account = await readAccount(client);
  const variables = await readGlobalVariables(client, CHECKED_VARIABLES);
  const settings = checkSettings(server, variables, options.rowMetadata ?? 'full');
  const rowImage = variables.get('binlog_row_image') ?? 'FULL';
  const replicas = await listReplicas(client);
  const privileges = await checkReplicationPrivileges(client, server, account, user, replicas);
  const schemas = [...new Set(interests.map(({ table }) => table.schema))];
  const filters = await checkLogFilters(client, server, privileges.binlogStatus, schemas);
  const serverIds = checkServerIds(server, options.serverId, replicas);
  const state =
    stateDatabase === undefined ? [] : await checkStateDatabase(client, stateDatabase, account, user);
  const nearestName = options.nearestName ?? ((): undefined => undefined);
  const tables = await checkTables({
    client,
    server,
    interests,
    keyColumns: options.keyColumns,
    conditionColumns: options.conditionColumns ?? [],
    account,
    rowImage,
    nearestName,
  });
  const cascades = await checkCascades(client, server, tables.existing, account);
  const problems = [
    ...settings,
    ...filters,
    ...serverIds,
    ...privileges.problems,
    ...state,
    ...tables.problems,
    ...cascades,
  ];
  log.debug({ server, problems: problems.length }, 'checked the preconditions of the source');
  return { server, problems };
}
