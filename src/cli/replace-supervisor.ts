import { spawn } from 'node:child_process';
import { closeSync, openSync } from 'node:fs';
import type { SupervisorPlan } from '../supervisor/plan.ts';
import { arrangeSuccession } from '../supervisor/succession.ts';
import { supervisorLogOf, SUPERVISOR_MAIN } from './supervisor-files.ts';

/** Another supervisor for the plan, when the one that started this daemon is lost. */
export function replaceLostSupervisor(plan: SupervisorPlan, onLost: (listener: () => void) => void): void {
  const index = plan.daemons.findIndex(({ configFile }) => process.argv.includes(configFile));
  arrangeSuccession({ plan, index, onLost, start: () => startAnother(plan) });
}

function startAnother(plan: SupervisorPlan): void {
  const output = openOutput(supervisorLogOf(plan.logDirectory));
  // The plan is in the environment.
  const child = spawn(process.execPath, [SUPERVISOR_MAIN], {
    detached: true,
    stdio: ['ignore', output, output],
  });
  // Nobody is left to be told.
  child.on('error', () => undefined);
  child.unref();
  if (typeof output === 'number') closeSync(output);
}

/** Where Node.js itself would write of a crash. */
function openOutput(file: string): number | 'ignore' {
  try {
    return openSync(file, 'a', 0o600);
  } catch {
    return 'ignore';
  }
}
