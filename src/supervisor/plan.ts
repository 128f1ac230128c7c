import { isRecord } from '../runtime/supervised-messages.ts';

/** What a supervisor was told to run. Holds no secret. */
export interface SupervisorPlan {
  readonly daemons: readonly DaemonPlan[];
  readonly runDirectory: string;
  readonly logDirectory: string;
  /** bytes */
  readonly logMaxSize: number;
  readonly logKeep: number;
  /** Between a daemon's end and its next start, ms. */
  readonly longestDelay: number;
  /** It was started by a service manager or a person who looks at it, and not in the background. */
  readonly foreground: boolean;
}

export interface DaemonPlan {
  readonly clientId: string;
  /** Absolute. */
  readonly configFile: string;
  /** ms; as the configuration said when it was read last */
  readonly shutdownTimeout: number;
}

/**
 * The variable of the environment that holds the plan. A supervisor gets it so, and its daemons inherit it: if it is killed, one
 * of them starts another that does the same, without asking a disk that may be full.
 */
export const PLAN_VARIABLE = 'UNSTALE_SUPERVISOR_PLAN';

export function formatPlan(plan: SupervisorPlan): string {
  return JSON.stringify(plan);
}

/** Undefined for what is no plan. */
export function parsePlan(text: string | undefined): SupervisorPlan | undefined {
  if (text === undefined) return undefined;
  try {
    const value: unknown = JSON.parse(text);
    return isPlan(value) ? value : undefined;
  } catch {
    return undefined;
  }
}

function isPlan(value: unknown): value is SupervisorPlan {
  if (!isRecord(value)) return false;
  const { daemons, runDirectory, logDirectory, logMaxSize, logKeep, longestDelay, foreground } = value;
  return (
    Array.isArray(daemons) &&
    daemons.length > 0 &&
    daemons.every(isDaemonPlan) &&
    typeof runDirectory === 'string' &&
    typeof logDirectory === 'string' &&
    typeof logMaxSize === 'number' &&
    typeof logKeep === 'number' &&
    typeof longestDelay === 'number' &&
    typeof foreground === 'boolean'
  );
}

function isDaemonPlan(value: unknown): value is DaemonPlan {
  if (!isRecord(value)) return false;
  const { clientId, configFile, shutdownTimeout } = value;
  return (
    typeof clientId === 'string' && typeof configFile === 'string' && typeof shutdownTimeout === 'number'
  );
}
