import { readPidFile } from './pid-file.ts';
import type { SupervisorPlan } from './plan.ts';
import { pidFileOf } from './single-instance.ts';

export interface SuccessionOptions {
  readonly plan: SupervisorPlan;
  /** Which daemon of the plan this process is. */
  readonly index: number;
  /** Calls back when the supervisor that started this process is gone. */
  readonly onLost: (listener: () => void) => void;
  /** Starts another one with the same plan; called at most once. */
  readonly start: () => void;
}

/** Between the attempts of two daemons: by then the other supervisor has written its pid file, ms. */
const TURN = 1500;

/**
 * Lets a daemon start another supervisor when its own was killed: the daemon is about to end, and nobody would see that nothing
 * runs. The first daemon of the plan does it at once; the others come after it one by one, or when they end, and only while
 * the pid file still names the one that was killed: one that was stopped meanwhile must stay so. If two do it all the same, one
 * of the two supervisors finds that the other has the pid file, and ends. A supervisor in the foreground is left to whoever started it.
 */
export function arrangeSuccession({ plan, index, onLost, start }: SuccessionOptions): void {
  if (plan.foreground) return;
  const supervisor = process.ppid;
  let tried = false;
  const attempt = (): void => {
    if (tried) return;
    tried = true;
    const holder = readPidFile(pidFileOf(plan.runDirectory));
    // No file at all: the disk had no room for it.
    // It may still be about to end: the other one waits for that.
    if (holder === undefined ? index === 0 : holder.pid === supervisor) start();
  };
  onLost(() => {
    process.once('exit', attempt);
    if (index <= 0) attempt();
    else setTimeout(attempt, index * TURN);
  });
}
