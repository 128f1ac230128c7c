import type { ErrorCode } from '../../errors/catalog.ts';
import type { PreflightProblem } from './problem.ts';
import type { ServerFacts } from '../server-facts.ts';

/** The variables that `checkSettings` looks at. */
export const CHECKED_VARIABLES: readonly string[] = [
  'binlog_format',
  'binlog_row_image',
  'binlog_row_metadata',
  'binlog_transaction_compression',
  'binlog_row_value_options',
  'gtid_mode',
  'enforce_gtid_consistency',
];

interface Requirement {
  readonly variable: string;
  readonly value: string;
  readonly code: ErrorCode;
  readonly why: string;
  /** What it means that the server does not have the variable; fine unless given. */
  readonly missing?: string;
}

const REQUIREMENTS: readonly Requirement[] = [
  {
    variable: 'binlog_format',
    value: 'ROW',
    code: 'UNSTALE_BINLOG_FORMAT',
    why: 'Other formats log statements, which do not tell the changed rows.',
  },
  {
    variable: 'binlog_row_image',
    value: 'FULL',
    code: 'UNSTALE_ROW_IMAGE',
    why: 'Other images leave out columns that a key may need.',
  },
  {
    variable: 'binlog_row_metadata',
    value: 'FULL',
    code: 'UNSTALE_ROW_METADATA',
    why: 'Without column names in the binlog a table that changed meanwhile is misread.',
    missing: 'The server is too old to write column names into its binlog: MySQL 8.0 or MariaDB 10.5 does.',
  },
  {
    variable: 'binlog_transaction_compression',
    value: 'OFF',
    code: 'UNSTALE_TRANSACTION_COMPRESSION',
    why: 'Compressed transactions cannot be read yet.',
  },
  {
    variable: 'binlog_row_value_options',
    value: '',
    code: 'UNSTALE_PARTIAL_JSON',
    why: 'It makes every UPDATE an event that cannot be read yet, even on tables without JSON.',
  },
];

/** Settings of the binlog and of GTIDs, from the values of `CHECKED_VARIABLES`. */
export function checkSettings(
  server: ServerFacts,
  variables: ReadonlyMap<string, string>,
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
    ...REQUIREMENTS.flatMap((requirement) => checkRequirement(requirement, server, variables)),
    ...checkGtidMode(server, variables),
  ];
}

function checkRequirement(
  { variable, value, code, why, missing }: Requirement,
  server: ServerFacts,
  variables: ReadonlyMap<string, string>,
): readonly PreflightProblem[] {
  const actual = variables.get(variable);
  if (actual === undefined) {
    return missing === undefined ? [] : [{ code, severity: 'error', subject: variable, message: missing }];
  }
  if (actual.toUpperCase() === value) return [];
  const lasting =
    server.flavour === 'mysql'
      ? ''
      : ' Put it into the configuration file too, or the next restart undoes it.';
  return [
    {
      code,
      severity: 'error',
      subject: variable,
      message:
        `${variable} is ${actual === '' ? 'empty' : actual}, it has to be ${value === '' ? 'empty' : value}. ${why} ` +
        `Sessions that are connected already keep the old value until they reconnect.${lasting}`,
      fix: setGlobal(server, variable, value === '' ? "''" : value),
    },
  ];
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

/** MySQL can keep a value over restarts. */
export function setGlobal(server: ServerFacts, variable: string, value: string): string {
  return `SET ${server.flavour === 'mysql' ? 'PERSIST' : 'GLOBAL'} ${variable} = ${value}`;
}
