import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { closeSync, openSync } from 'node:fs';
import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import { formatPlan, PLAN_VARIABLE } from '../supervisor/plan.ts';
import type { SupervisorPlan } from '../supervisor/plan.ts';
import { prepareDirectories } from '../supervisor/run-directory.ts';
import { refuseSecond } from '../supervisor/single-instance.ts';
import type { StartRequest } from './start.ts';
import { formatStart, hasStarted } from './status-text.ts';
import { askForReport } from './supervisor-request.ts';
import { supervisorLogOf, SUPERVISOR_MAIN } from './supervisor-files.ts';

/** From a supervisor that begins to the command that has started it. */
export type StartupMessage =
  { readonly type: 'up' } | { readonly type: 'failed'; readonly code: ErrorCode; readonly message: string };

/**
 * What `unstale start` does once its configurations are right.
 * @throws UnstaleError UNSTALE_ALREADY_RUNNING, UNSTALE_RUN_DIRECTORY, UNSTALE_NOT_RUNNING
 */
export async function beginStart({ plan, timeout }: StartRequest): Promise<void> {
  if (plan.foreground) {
    const { supervise } = await import('./supervise.ts');
    process.exitCode = await supervise(plan, () => undefined);
    return;
  }
  await startInBackground(plan);
  const report = await askForReport(plan.runDirectory, { type: 'settled', timeout }, timeout + 10_000);
  console.log(formatStart(report));
  if (!report.daemons.every(hasStarted)) process.exitCode = 1;
}

async function startInBackground(plan: SupervisorPlan): Promise<void> {
  prepareDirectories({ run: plan.runDirectory, log: plan.logDirectory });
  await refuseSecond(plan.runDirectory);
  const logFile = supervisorLogOf(plan.logDirectory);
  const output = openSync(logFile, 'a', 0o600);
  const child = spawn(process.execPath, [SUPERVISOR_MAIN], {
    detached: true,
    stdio: ['ignore', output, output, 'ipc'],
    env: { ...process.env, [PLAN_VARIABLE]: formatPlan(plan) },
  });
  closeSync(output);
  const message = await firstMessage(child);
  if (child.connected) child.disconnect();
  child.unref();
  if (message?.type === 'up') return;
  if (message !== undefined) throw new UnstaleError(message.code, message.message);
  throw new UnstaleError(
    'UNSTALE_NOT_RUNNING',
    `the supervisor ended at its start; what it said is at the end of ${logFile}`,
  );
}

/** Undefined when it ends without one. */
async function firstMessage(child: ChildProcess): Promise<StartupMessage | undefined> {
  const received: Promise<StartupMessage[]> = once(child, 'message');
  const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]);
  for (const promise of [received, ended]) promise.catch(() => undefined);
  const [message] = await Promise.race([received, ended.then((): StartupMessage[] => [])]);
  return message;
}
