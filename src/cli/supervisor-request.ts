import type { Command } from 'commander';
import { askSupervisor, isSupervised } from '../supervisor/control-client.ts';
import type { ControlRequest } from '../supervisor/control-protocol.ts';
import type { SupervisorReport } from '../supervisor/daemon-report.ts';
import { chooseDirectories } from '../supervisor/run-directory.ts';
import type { RunDirectories } from '../supervisor/run-directory.ts';
import { unreachable } from './daemon-request.ts';

export interface DirectoryFlags {
  readonly runDir?: string;
  readonly logDir?: string;
}

/** For an answer that needs no daemon to do anything, ms. */
export const PATIENCE = 10_000;

export function withRunDirectoryFlag(command: Command): Command {
  return command.option(
    '--run-dir <directory>',
    'where the supervisor has its pid file and socket (UNSTALE_RUN_DIR)',
  );
}

export function directoriesOf({ runDir, logDir }: DirectoryFlags): RunDirectories {
  return chooseDirectories({ run: runDir, log: logDir }, process.env);
}

/** @throws UnstaleError UNSTALE_NOT_RUNNING, or what the supervisor answers */
export async function askForReport(
  runDirectory: string,
  request: Extract<ControlRequest, { type: 'status' | 'settled' }> = { type: 'status' },
  silence = PATIENCE,
): Promise<SupervisorReport> {
  const report = await askSupervisor(runDirectory, request, { silence });
  if (isReport(report)) return report;
  throw unreachable('the supervisor is of another version: it answers something else');
}

/** The client_id of the daemon that a running supervisor runs with this configuration; undefined if none does. */
export async function supervisedWith(runDirectory: string, clientId: string): Promise<string | undefined> {
  if (!(await isSupervised(runDirectory))) return undefined;
  const { daemons } = await askForReport(runDirectory);
  return daemons.find((daemon) => daemon.client_id === clientId)?.client_id;
}

function isReport(value: unknown): value is SupervisorReport {
  return (
    typeof value === 'object' &&
    value !== null &&
    'supervisor' in value &&
    'daemons' in value &&
    Array.isArray(value.daemons)
  );
}
