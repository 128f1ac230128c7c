import type { TableInterests } from '../../change/table.ts';
import type { Log, SqlClient } from '../../pipeline/ports.ts';
import { existingTables } from '../existing-tables.ts';
import { checkCascades } from './cascades.ts';
import { checkPatterns, sumUp } from './patterns.ts';
import type { TablePattern } from './patterns.ts';
import { checkReplicationPrivileges, checkStateDatabase, readAccount } from './privileges.ts';
import type { PreflightProblem, PreflightReport } from './problem.ts';
import { checkLogFilters, checkServerIds, listReplicas } from './server.ts';
import { CHECKED_VARIABLES, checkSettings } from './settings.ts';
import type { RowMetadata } from './settings.ts';
import { checkStateReplication } from './state-replication.ts';
import { checkColumns, checkTables } from './tables.ts';
import type { ConditionColumn, KeyColumn, NearestName, ValueColumn } from './tables.ts';
import { readGlobalVariables, readServerFacts } from '../server-facts.ts';

export interface PreflightOptions {
  /** Logged in to the source with the daemon's account. */
  readonly client: SqlClient;
  readonly interests: TableInterests;
  /** The patterns among what the rules select, for messages; without them one that selects nothing passes in silence. */
  readonly patterns?: readonly TablePattern[];
  /** How key templates use the columns of `interests`; those that are not here stand in keys as they are. */
  readonly keyColumns?: readonly KeyColumn[];
  readonly conditionColumns?: readonly ConditionColumn[];
  /** Columns whose values are stored, or order them; default: none. */
  readonly valueColumns?: readonly ValueColumn[];
  /** The daemon's own server_id. */
  readonly serverId: number;
  /** The name that the daemon logs in with. */
  readonly user: string;
  /** The state database on this server; undefined when the state is elsewhere. */
  readonly stateDatabase: string | undefined;
  /** Whether nothing will be written to it; false by default. */
  readonly readOnly?: boolean;
  /** `source.row_metadata`; full by default. */
  readonly rowMetadata?: RowMetadata;
  /** `source.hints`; off by default. */
  readonly hints?: boolean;
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
  const settings = checkSettings(server, variables, options.rowMetadata ?? 'full', options.hints ?? false);
  const rowImage = variables.get('binlog_row_image') ?? 'FULL';
  const replicas = await listReplicas(client);
  const privileges = await checkReplicationPrivileges(client, server, account, user, replicas);
  const selected = (await existingTables(client, interests, stateDatabase)).slice(interests.named.length);
  const schemas = [...new Set([...interests.named, ...selected].map(({ table }) => table.schema))];
  const filters = await checkLogFilters(client, server, privileges.binlogStatus, schemas);
  const serverIds = checkServerIds(server, options.serverId, replicas);
  const state =
    stateDatabase === undefined || options.readOnly === true
      ? []
      : [
          ...(await checkStateDatabase(client, stateDatabase, account, user)),
          ...(await checkStateReplication(client, privileges.binlogStatus, stateDatabase)),
        ];
  const nearestName = options.nearestName ?? ((): undefined => undefined);
  const checked = {
    client,
    server,
    interests: interests.named,
    keyColumns: options.keyColumns,
    conditionColumns: options.conditionColumns ?? [],
    valueColumns: options.valueColumns ?? [],
    account,
    rowImage,
    nearestName,
  };
  const tables = await checkTables(checked);
  const ofPatterns: PreflightProblem[] = [];
  for (const interest of selected) ofPatterns.push(...(await checkColumns(checked, interest)));
  const existing = [...tables.existing, ...selected];
  const cascades = await checkCascades(client, server, existing, account);
  const patterns = options.patterns ?? [];
  const problems = [
    ...settings,
    ...filters,
    ...serverIds,
    ...privileges.problems,
    ...state,
    ...tables.problems,
    ...checkPatterns(patterns, existing, account),
    ...sumUp([...ofPatterns, ...cascades], selected, patterns),
  ];
  log.debug({ server, problems: problems.length }, 'checked the preconditions of the source');
  return { server, problems };
}
