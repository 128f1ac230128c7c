import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import { parsePlan, PLAN_VARIABLE } from '../supervisor/plan.ts';
import { endProcessAfter } from './end-process.ts';
import type { StartupMessage } from './begin-start.ts';
import { supervise } from './supervise.ts';

// A supervisor in the background: begun by `unstale start`, or by a daemon whose supervisor was killed.
const tell = (message: StartupMessage): void => {
  if (process.send !== undefined && process.connected)
    process.send(message, undefined, undefined, () => undefined);
};

await endProcessAfter(
  (async () => {
    try {
      const plan = parsePlan(process.env[PLAN_VARIABLE]);
      if (plan === undefined) throw new UnstaleError('UNSTALE_USAGE', `${PLAN_VARIABLE} holds no plan`);
      process.exitCode = await supervise(plan, () => {
        tell({ type: 'up' });
        process.channel?.unref();
      });
    } catch (thrown) {
      const { code, message } = asUnstaleError(thrown);
      tell({ type: 'failed', code, message });
      throw thrown;
    }
  })(),
);
