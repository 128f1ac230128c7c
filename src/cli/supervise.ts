import { createSupervisorLog } from '../supervisor-log.ts';
import type { LineSink } from '../supervisor/line-sink.ts';
import { OutputSink } from '../supervisor/output-sink.ts';
import type { SupervisorPlan } from '../supervisor/plan.ts';
import { RotatingLog } from '../supervisor/rotating-log.ts';
import type { LogTrouble } from '../supervisor/rotating-log.ts';
import { runSupervisor } from '../supervisor/run-supervisor.ts';
import type { SupervisorLog } from '../supervisor/log.ts';
import { logOf, SUPERVISOR_NAME, UNSTALE_ENTRY } from './supervisor-files.ts';
import { DAEMON_FLAGS, withoutDaemonFlags } from './v8-flags.ts';

/**
 * Runs a supervisor in this process; resolves with its exit code.
 * @throws UnstaleError UNSTALE_ALREADY_RUNNING or UNSTALE_RUN_DIRECTORY
 */
export async function supervise(plan: SupervisorPlan, onUp: () => void): Promise<number> {
  const sinks: LineSink[] = [];
  const output = plan.foreground ? new OutputSink(process.stdout) : undefined;
  const sinkOf = (name: string, onTrouble?: (trouble: LogTrouble) => void): LineSink => {
    const sink =
      output ??
      new RotatingLog({
        file: logOf(plan.logDirectory, name),
        maxSize: plan.logMaxSize,
        keep: plan.logKeep,
        ...(onTrouble === undefined ? {} : { onTrouble }),
      });
    sinks.push(sink);
    return sink;
  };
  const own = sinkOf(SUPERVISOR_NAME);
  const log = createSupervisorLog(SUPERVISOR_NAME, { write: (line) => own.write(line.trimEnd()) });
  const code = await runSupervisor({
    plan,
    program: process.execPath,
    args: [...withoutDaemonFlags(process.execArgv), ...DAEMON_FLAGS, UNSTALE_ENTRY],
    log,
    sinkOf: (clientId) => sinkOf(clientId, (trouble) => tell(log, trouble)),
    reopenLogs: () => {
      for (const sink of sinks) sink.reopen();
    },
    onUp,
  });
  await Promise.all(sinks.map((sink) => sink.close()));
  return code;
}

function tell(log: SupervisorLog, trouble: LogTrouble): void {
  switch (trouble.kind) {
    case 'lost':
      log.warn(
        { file: trouble.file, err: trouble.error },
        'a log cannot be written; its lines are lost meanwhile',
      );
      return;
    case 'mended':
      log.warn(
        { file: trouble.file, lines: trouble.lines },
        'a log is written again; some of its lines are lost',
      );
      return;
    case 'not rotated':
      log.warn({ file: trouble.file, err: trouble.error }, 'a log cannot be rotated and goes on growing');
  }
}
