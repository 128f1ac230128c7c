import { runInForeground } from '../foreground.ts';
import { SupervisorLink } from '../supervised.ts';
import { parsePlan, PLAN_VARIABLE } from '../supervisor/plan.ts';
import { endProcess, endProcessAfter } from './end-process.ts';
import { loadAgainInChild, loadInChild } from './load-in-child.ts';
import { replaceLostSupervisor } from './replace-supervisor.ts';

// `unstale run`, without what only its start needs: see load-in-child.ts.
const plan = process.connected ? parsePlan(process.env[PLAN_VARIABLE]) : undefined;
const supervisor = plan === undefined ? undefined : new SupervisorLink();
if (plan !== undefined && supervisor !== undefined)
  replaceLostSupervisor(plan, (listener) => supervisor.onLost(listener));
await endProcessAfter(
  runInForeground({
    // A supervisor is told what is wrong, and does not have to read it.
    load: () => (supervisor === undefined ? loadInChild(process.argv) : loadAgainInChild(process.argv)),
    loadAgain: () => loadAgainInChild(process.argv),
    exitAtOnce: () => endProcess(1),
    supervisor,
  }),
);
