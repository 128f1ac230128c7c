/**
 * What the daemon does about an error. `retry`: try again with backoff, for ever. `fatal`: stop; an operator
 * has to act. `poisoned`: Redis refuses one command for good; the daemon stops rather than skip it.
 */
export type RetryDirective = 'retry' | 'fatal' | 'poisoned';

/** Process exit codes: 0 done, 1 failed, 2 usage or configuration, 3 a precondition of the servers, 4 found something. */
export type ExitCode = 0 | 1 | 2 | 3 | 4;

export interface ErrorPolicy {
  readonly directive: RetryDirective;
  readonly exitCode: ExitCode;
  /** What the operator does about it, in one sentence. */
  readonly hint: string;
}

/**
 * Every documented error code with its policy. `docs/errors.md` lists the same codes; a test compares them.
 */
export const ERROR_CATALOG = {
  // Usage and configuration
  UNSTALE_USAGE: { directive: 'fatal', exitCode: 2, hint: 'Run the command with --help for an example.' },
  UNSTALE_NODE_TOO_OLD: { directive: 'fatal', exitCode: 2, hint: 'Install Node.js 22.15 or newer.' },
  UNSTALE_CONFIG_UNREADABLE: {
    directive: 'fatal',
    exitCode: 2,
    hint: 'Pass an existing, readable file with -c FILE, or write one with `unstale init`.',
  },
  UNSTALE_CONFIG_INVALID: {
    directive: 'fatal',
    exitCode: 2,
    hint: 'Correct the listed fields; docs/configuration.md describes each.',
  },
  UNSTALE_CONFIG_CHILD_DIED: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Start again; if it repeats, look at the limits on processes and memory.',
  },

  UNSTALE_DAEMON_UNREACHABLE: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'See that the daemon runs, and that admin.listen and admin.token are those that it was started with.',
  },
  UNSTALE_RELOAD_REFUSED: {
    directive: 'fatal',
    exitCode: 2,
    hint: 'The configuration that was in force stays so. Correct what is listed and reload again.',
  },

  UNSTALE_ACTION_REFUSED: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'The daemon cannot do that now, for the reason given; nothing has changed.',
  },
  UNSTALE_LEADER_RUNS: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Stop the daemon first, or let it do it: turn admin.listen on, and run the command where that address can be reached.',
  },
  UNSTALE_HISTORY_TOO_SHORT: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Choose a later moment (`unstale position show` lists them), or delete the mapped keys instead.',
  },
  UNSTALE_SET_SKIPS_CHANGES: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Choose an earlier position, or pass --skip-changes and delete the mapped keys afterwards.',
  },
  UNSTALE_WAIT_TIMEOUT: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Wait longer (--timeout), or see in /status what holds the daemon back.',
  },

  // Preconditions of the servers
  UNSTALE_PRECONDITION: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Run `unstale check`: it lists every problem with the statement that fixes it.',
  },
  UNSTALE_BINLOG_OFF: { directive: 'fatal', exitCode: 3, hint: 'Start the server with log_bin.' },
  UNSTALE_BINLOG_FORMAT: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'SET GLOBAL binlog_format = ROW, and let sessions reconnect.',
  },
  UNSTALE_ROW_IMAGE: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'SET GLOBAL binlog_row_image = FULL, and let sessions reconnect.',
  },
  UNSTALE_ROW_METADATA: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'SET GLOBAL binlog_row_metadata = FULL, or write source.row_metadata: minimal.',
  },
  UNSTALE_SERVER_ID_CLASH: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Give source.server_id a number that no server and no other replication client uses.',
  },
  UNSTALE_PRIVILEGE_MISSING: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Run the GRANT that `unstale check` prints.',
  },
  UNSTALE_HINTS_OFF: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Run the SET statement that `unstale check` prints, and let sessions reconnect.',
  },
  UNSTALE_TABLE_MISSING: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Create the table, correct the rule, or grant SELECT on the table.',
  },
  UNSTALE_COLUMN_MISSING: { directive: 'fatal', exitCode: 3, hint: 'Correct the column name in the rule.' },
  UNSTALE_COLUMN_TYPE: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Use a column whose text form is exact (integers, DECIMAL, text, ENUM, dates), or bytes with a filter such as hex or uuid.',
  },
  UNSTALE_COLUMN_NULLABLE: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Rows with NULL in the column have no key; nothing is to be done if that is what the application does.',
  },
  UNSTALE_CASCADE_UNLOGGED: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Build keys of the child from the foreign key columns alone, or delete the child rows in the application.',
  },
  UNSTALE_LOOKUP_REFUSED: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Correct the lookup of the rule; `unstale check` prints what the server finds wrong with it.',
  },
  UNSTALE_LOOKUP_SLOW: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Add an index on the columns that the lookup compares, so that it does not read a whole table.',
  },
  UNSTALE_RULE_IDLE: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Compare the condition of the rule with the type of its column.',
  },
  UNSTALE_RULE_REDUNDANT: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Remove the rule, or correct the one that already gives its keys.',
  },
  UNSTALE_VERSION_SOURCES: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Keep the version of the row that readers read, and give the other rule guard: lease.',
  },
  UNSTALE_OUTBOX_ENGINE: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Use ENGINE = BLACKHOLE or InnoDB for the outbox.',
  },
  UNSTALE_GTID_OFF: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Turn gtid_mode on if the daemon has to survive a failover to another server.',
  },

  // The MySQL connections and the binlog stream
  UNSTALE_MYSQL_UNREACHABLE: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Check host, port and network; the daemon keeps trying.',
  },
  UNSTALE_MYSQL_ACCESS_DENIED: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Check user and password; `unstale check` prints the account and grants that it needs.',
  },
  UNSTALE_MYSQL_TLS: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Check source.ssl_mode and ssl_ca against what the server offers.',
  },
  UNSTALE_MYSQL_QUERY_FAILED: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'The server refused a statement of the daemon; its message says why.',
  },
  UNSTALE_BINLOG_CONNECTION_LOST: {
    directive: 'retry',
    exitCode: 3,
    hint: 'The daemon reconnects and resumes; look at the server log if it repeats.',
  },
  UNSTALE_BINLOG_SILENT: {
    directive: 'retry',
    exitCode: 3,
    hint: 'No event and no heartbeat arrived: the network or the server hangs; the daemon reconnects.',
  },
  UNSTALE_POSITION_PURGED: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'The server no longer has the binlog at the stored position: begin anew (docs/errors.md), or set source.on_gap to invalidate; keep binlogs longer.',
  },
  UNSTALE_POSITION_AHEAD: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'The server lost the end of its binlog (a crash, an older copy of its files): see what MySQL lost, then begin anew (docs/errors.md), or set source.on_gap to invalidate.',
  },
  UNSTALE_POSITION_INVALID: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'No transaction begins at the stored position, or the server cannot read its binlog there: begin anew (docs/errors.md), or set source.on_gap to invalidate.',
  },
  UNSTALE_BINLOG_RESET: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'The binlogs of the stored position are gone (RESET, restored backup): begin anew (docs/errors.md), or set source.on_gap to invalidate.',
  },
  UNSTALE_SERVER_BEHIND: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'The server lacks transactions that were read before (an older backup, a failover that lost some): begin anew (docs/errors.md), or set source.on_gap to invalidate.',
  },
  UNSTALE_GTID_FOREIGN: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'The server has nothing in common with the stored GTID set: correct source.url, or begin anew (docs/errors.md).',
  },
  UNSTALE_SERVER_CHANGED: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'A position without GTIDs means nothing on another server: correct source.url, or begin anew (docs/errors.md).',
  },
  UNSTALE_PURGE_NEAR: {
    directive: 'retry',
    exitCode: 3,
    hint: 'The server will soon delete binlog that was not read: keep binlogs longer, and see what holds the daemon back.',
  },
  UNSTALE_EVENT_UNDECODABLE: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Mend what the message names (a damaged binlog, a server setting), delete the row in unstale.positions, start again, then flush the mapped keys (docs/errors.md, "Begin anew").',
  },
  UNSTALE_HINT_UNREAD: {
    directive: 'retry',
    exitCode: 1,
    hint: 'Put comments with keys into statements of less than 64 KiB, or delete these keys yourself.',
  },
  UNSTALE_BARRIER_TIMEOUT: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Commits wait for something slow, such as a semi-synchronous replica, or a replica lags; deletes are sent and repeated later.',
  },
  UNSTALE_BARRIER_FAILED: {
    directive: 'retry',
    exitCode: 3,
    hint: 'The named server did not say what is visible; deletes are sent and repeated later.',
  },
  UNSTALE_BARRIER_UNAVAILABLE: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Turn gtid_mode on; until then each delete is repeated one second later.',
  },

  // The state tables
  UNSTALE_STATE_UNAVAILABLE: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Bring the state database back; while it is away nobody can know who leads, and deletes wait.',
  },
  UNSTALE_STATE_DENIED: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Grant the account its privileges on the state database; `unstale check` prints the GRANT.',
  },
  UNSTALE_STATE_READ_ONLY: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Point state.url at a server that accepts writes.',
  },
  UNSTALE_STATE_SCHEMA: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Run the DDL that `unstale check --ddl` prints.',
  },
  UNSTALE_STATE_NOT_REPLICATED: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Let the state database be replicated with the source, or put it on another server with state.url.',
  },
  UNSTALE_LEASE_LOST: {
    directive: 'retry',
    exitCode: 1,
    hint: 'Another daemon of this client_id has led since; this one stands by. Look why it was cut off or stood still.',
  },

  // Redis
  UNSTALE_REDIS_UNREACHABLE: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Check redis.url and the network; the binlog waits and nothing is lost.',
  },
  UNSTALE_REDIS_TLS: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Check redis.tls (ca, servername) against the certificate of the server that the message is about.',
  },
  UNSTALE_REDIS_TIMEOUT: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Redis did not answer in time; look at its latency and at slow commands.',
  },
  UNSTALE_REDIS_BUSY: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Redis is loading, running a script or without a master; the daemon waits.',
  },
  UNSTALE_REDIS_READONLY: {
    directive: 'retry',
    exitCode: 3,
    hint: 'The daemon talks to a replica; it reconnects in case a failover has happened.',
  },
  UNSTALE_REDIS_REFUSES_WRITES: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Redis refuses writes (persistence error, missing replicas, memory); mend Redis, the daemon goes on by itself.',
  },
  UNSTALE_REDIS_REPLICAS: {
    directive: 'retry',
    exitCode: 3,
    hint: 'Bring replicas of Redis back, or lower redis.wait_replicas.',
  },
  UNSTALE_REDIS_AUTH: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Check user and password in redis.url or redis.password.',
  },
  UNSTALE_REDIS_PERMISSION: {
    directive: 'fatal',
    exitCode: 3,
    hint: 'Give the Redis user the commands and key patterns that docs/operations.md lists.',
  },
  UNSTALE_REDIS_UNEXPECTED_REPLY: {
    directive: 'poisoned',
    exitCode: 1,
    hint: 'Redis refused a delete for a reason that unstale does not know; the position stays before it.',
  },

  // The supervisor
  UNSTALE_ALREADY_RUNNING: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Look at it with `unstale status`, or choose another --run-dir for a second one.',
  },
  UNSTALE_NOT_RUNNING: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Start it with `unstale start`, or name its directory with --run-dir or UNSTALE_RUN_DIR.',
  },
  UNSTALE_RUN_DIRECTORY: {
    directive: 'fatal',
    exitCode: 2,
    hint: 'Name a directory that this user may write to, and nobody else, with --run-dir or UNSTALE_RUN_DIR.',
  },
  UNSTALE_RESTART_FAILED: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Mend what `unstale status` shows of the daemon, and restart again; the others run on.',
  },
  UNSTALE_DAEMON_CRASHED: {
    directive: 'retry',
    exitCode: 1,
    hint: 'The supervisor starts it again; look at its last lines with `unstale logs`, and at the memory of the machine.',
  },
  UNSTALE_DAEMON_HUNG: {
    directive: 'retry',
    exitCode: 1,
    hint: 'The supervisor has killed and restarted it; see whether the machine was out of processor time or memory.',
  },
  UNSTALE_CRASH_LOOP: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Read `unstale logs`, mend the reason, then run `unstale restart`.',
  },

  // The process itself
  UNSTALE_ADMIN_LISTEN: { directive: 'fatal', exitCode: 2, hint: 'Choose a free address with admin.listen.' },
  UNSTALE_DRAIN_TIMEOUT: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'Redis or the state database did not answer while stopping; the next start repeats what was open.',
  },
  UNSTALE_INTERNAL: {
    directive: 'fatal',
    exitCode: 1,
    hint: 'This is a defect of unstale: please report it with the log.',
  },
} as const satisfies Record<string, ErrorPolicy>;

export type ErrorCode = keyof typeof ERROR_CATALOG;

/** The policy of a code: retry directive, exit code and operator hint. */
export function policyOf(code: ErrorCode): ErrorPolicy {
  return ERROR_CATALOG[code];
}
