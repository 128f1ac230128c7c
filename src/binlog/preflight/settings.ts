import type { PreflightProblem } from './problem.ts';
import type { ServerFacts } from '../server-facts.ts';

/** The variables that `checkSettings` looks at. */
export const CHECKED_VARIABLES: readonly string[] = [
  'binlog_format',
  'binlog_row_image',
  'binlog_row_metadata',
  'gtid_mode',
  'enforce_gtid_consistency',
  'binlog_rows_query_log_events',
  'binlog_annotate_row_events',
];

/** Where column names come from; see `source.row_metadata`. */
export type RowMetadata = 'full' | 'minimal';

const RECONNECT = 'Sessions that are connected already keep the old value until they reconnect.';

/** Settings of the binlog and of GTIDs, from the values of `CHECKED_VARIABLES`. `hints` is `source.hints`. */
export function checkSettings(
  server: ServerFacts,
  variables: ReadonlyMap<string, string>,
  rowMetadata: RowMetadata,
  hints: boolean,
): readonly PreflightProblem[] {
  if (!server.logBin) {
    return [
      {
        code: 'UNSTALE_BINLOG_OFF',
        severity: 'error',
        subject: 'log_bin',
        message:
          'The server writes no binlog. Start it with log_bin and server_id in its configuration; no statement can turn it on.',
      },
    ];
  }
  return [
    ...checkFormat(server, variables),
    ...checkRowMetadata(server, variables, rowMetadata),
    ...checkGtidMode(server, variables),
    ...(hints ? checkHints(server, variables) : []),
  ];
}

function checkFormat(
  server: ServerFacts,
  variables: ReadonlyMap<string, string>,
): readonly PreflightProblem[] {
  const format = variables.get('binlog_format')?.toUpperCase();
  if (format === undefined || format === 'ROW') return [];
  return [
    {
      code: 'UNSTALE_BINLOG_FORMAT',
      severity: 'error',
      subject: 'binlog_format',
      message:
        `binlog_format is ${format}, it has to be ROW. Other formats log statements, which do not tell the changed rows. ` +
        `${RECONNECT}${lasting(server)}`,
      fix: setGlobal(server, 'binlog_format', 'ROW'),
    },
  ];
}

function checkRowMetadata(
  server: ServerFacts,
  variables: ReadonlyMap<string, string>,
  rowMetadata: RowMetadata,
): readonly PreflightProblem[] {
  const metadata = variables.get('binlog_row_metadata')?.toUpperCase();
  if (metadata === 'FULL') return [];
  const problem = { code: 'UNSTALE_ROW_METADATA', subject: 'binlog_row_metadata' } as const;
  const state =
    metadata === undefined
      ? 'The server is too old to write column names into its binlog: MySQL 8.0 or MariaDB 10.5 does.'
      : `binlog_row_metadata is ${metadata}.`;
  const fix = metadata === undefined ? {} : { fix: setGlobal(server, 'binlog_row_metadata', 'FULL') };
  if (rowMetadata === 'minimal') {
    return [
      {
        ...problem,
        ...fix,
        severity: 'warning',
        message:
          `${state} Column names are read from the catalogue, as source.row_metadata allows. Rows of a table whose ` +
          'columns changed between the write and the reading, or that is gone, remove all keys of its rules instead of their own.',
      },
    ];
  }
  return [
    {
      ...problem,
      ...fix,
      severity: 'error',
      message:
        `${state} Without column names in the binlog a table that changed meanwhile is misread. Where it cannot be FULL, ` +
        `write source.row_metadata: minimal.${metadata === undefined ? '' : lasting(server)}`,
    },
  ];
}

function lasting(server: ServerFacts): string {
  return server.flavour === 'mysql'
    ? ''
    : ' Put it into the configuration file too, or the next restart undoes it.';
}

function checkGtidMode(
  server: ServerFacts,
  variables: ReadonlyMap<string, string>,
): readonly PreflightProblem[] {
  if (server.gtidEnabled) return [];
  const mode = variables.get('gtid_mode') ?? 'OFF';
  // The server takes one step at a time.
  const modes = ['OFF', 'OFF_PERMISSIVE', 'ON_PERMISSIVE', 'ON'];
  const steps = modes.slice(modes.indexOf(mode) + 1).map((step) => setGlobal(server, 'gtid_mode', step));
  const consistency =
    variables.get('enforce_gtid_consistency') === 'ON'
      ? []
      : [setGlobal(server, 'enforce_gtid_consistency', 'ON')];
  return [
    {
      code: 'UNSTALE_GTID_OFF',
      severity: 'warning',
      subject: 'gtid_mode',
      message:
        `gtid_mode is ${mode}: positions are file and offset, which mean nothing on another server. ` +
        'After a failover the daemon could not resume.',
      fix: [...consistency, ...steps].join('; '),
    },
  ];
}

/** Whether the statements of rows are logged, whose comments may name keys. */
function checkHints(
  server: ServerFacts,
  variables: ReadonlyMap<string, string>,
): readonly PreflightProblem[] {
  const variable = server.flavour === 'mysql' ? 'binlog_rows_query_log_events' : 'binlog_annotate_row_events';
  if (variables.get(variable) === 'ON') return [];
  return [
    {
      code: 'UNSTALE_HINTS_OFF',
      severity: 'warning',
      subject: variable,
      message:
        `${variable} is OFF: the binlog holds rows without their statements, so keys that comments name are not ` +
        `found, as source.hints asks for. ${RECONNECT}${lasting(server)}`,
      fix: setGlobal(server, variable, 'ON'),
    },
  ];
}

/** MySQL can keep a value over restarts. */
export function setGlobal(server: ServerFacts, variable: string, value: string): string {
  return `SET ${server.flavour === 'mysql' ? 'PERSIST' : 'GLOBAL'} ${variable} = ${value}`;
}
