import { policyOf } from '../errors/catalog.ts';
import type { ErrorCode } from '../errors/catalog.ts';
import type { ProcessEnd } from './daemon-process.ts';

/** What an operator reads of an error. */
export interface ReportedError {
  readonly code: string;
  readonly message: string;
  readonly hint: string;
}

/** What a daemon is doing, as its supervisor sees it. */
export type SupervisedState =
  | 'starting'
  | 'standby'
  | 'running'
  | 'draining'
  | 'waiting'
  | 'gave_up'
  | 'failed'
  | 'stopped'
  | 'unresponsive';

/** One daemon in `unstale status --json`. */
export interface DaemonReport {
  readonly client_id: string;
  readonly config_file: string;
  readonly state: SupervisedState;
  readonly pid: number | null;
  /** Of the process. */
  readonly uptime_seconds: number | null;
  /** Since the supervisor began. */
  readonly restarts: number;
  readonly next_start_in_seconds: number | null;
  readonly last_error: ReportedError | null;
  /** What GET /status of the daemon says; null when it does not run or does not answer. */
  readonly daemon: object | null;
}

/** `unstale status --json` */
export interface SupervisorReport {
  readonly supervisor: {
    readonly pid: number;
    readonly uptime_seconds: number;
    readonly foreground: boolean;
    readonly run_directory: string;
    /** Null when the daemons write to the supervisor's standard output. */
    readonly log_directory: string | null;
  };
  readonly daemons: readonly DaemonReport[];
}

export function reportedError(code: ErrorCode, message: string): ReportedError {
  return { code, message, hint: policyOf(code).hint };
}

/** Why a process ended; undefined for a daemon that ended in order. */
export function errorOfEnd({ exitCode, signal, spawnError, message }: ProcessEnd): ReportedError | undefined {
  if (message !== undefined) return { code: message.code, message: message.message, hint: message.hint };
  if (exitCode === 0) return undefined;
  if (spawnError !== undefined)
    return reportedError('UNSTALE_DAEMON_CRASHED', `it cannot be started: ${spawnError.message}`);
  const how = signal === null ? `exit code ${exitCode}` : signal;
  return reportedError('UNSTALE_DAEMON_CRASHED', `it ended with ${how} and said nothing of the reason`);
}
