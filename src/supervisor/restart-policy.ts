/** How a daemon ended, without having been told to. */
export interface DaemonEnd {
  /** Null when a signal ended it, or it could not be started. */
  readonly exitCode: number | null;
  /** What it said of the reason, if it could. */
  readonly error?: { readonly code: string; readonly directive: string; readonly exitCode: number };
  /** It was not started at all: the machine lacks memory, processes, or the program. */
  readonly notSpawned?: boolean;
  /** For how long it had been ready, ms; undefined if it never was. */
  readonly readyFor?: number;
}

/** What came before; kept by whoever asks. */
export interface RestartHistory {
  /** Ends since it last ran for a while. */
  readonly attempts: number;
  /** When it crashed, ms, since it was last ready. */
  readonly crashes: readonly number[];
}

export type Verdict =
  /** @param delay ms */
  | { readonly kind: 'restart'; readonly delay: number }
  /** Only another configuration can help. */
  | { readonly kind: 'gave_up' }
  /** It crashes again and again before it is ready. */
  | { readonly kind: 'failed' };

export const NO_HISTORY: RestartHistory = { attempts: 0, crashes: [] };

/** Ready for so long, an end is the first one again, ms. */
export const STABLE_AFTER = 60_000;
const FIRST_CEILING = 1000;
export const LONGEST_DELAY = 60_000;
/** An operator has to do something on a server first, ms. */
export const FIRST_SLOW_DELAY = 10_000;
export const MOST_CRASHES = 10;
export const CRASH_WINDOW = 300_000;

/**
 * - `configuration`: the same start gives the same end.
 * - `operator`: a server is not as it has to be; somebody mends it while the daemon is down.
 * - `outage`: passes by itself.
 * - `crash`: nobody knows.
 */
type Cause = 'configuration' | 'operator' | 'outage' | 'crash';

export interface JudgeOptions {
  /** ms, of any clock */
  readonly now: number;
  /** ms */
  readonly longestDelay?: number;
  /** From 0 to 1. */
  readonly random?: () => number;
}

/** What becomes of a daemon that has ended, by the error's policy (errors/catalog.ts) as far as there is one. */
export function judgeEnd(
  history: RestartHistory,
  end: DaemonEnd,
  { now, longestDelay = LONGEST_DELAY, random = Math.random }: JudgeOptions,
): { readonly verdict: Verdict; readonly history: RestartHistory } {
  const cause = causeOf(end);
  if (cause === 'configuration') return { verdict: { kind: 'gave_up' }, history: NO_HISTORY };
  const attempts = (end.readyFor ?? 0) >= STABLE_AFTER ? 1 : history.attempts + 1;
  const earlier = end.readyFor === undefined ? history.crashes : [];
  const crashes =
    cause === 'crash' && end.readyFor === undefined
      ? [...earlier, now].filter((at) => at > now - CRASH_WINDOW)
      : earlier;
  if (crashes.length >= MOST_CRASHES) return { verdict: { kind: 'failed' }, history: NO_HISTORY };
  const ceiling = (first: number): number => Math.min(longestDelay, first * 2 ** Math.min(attempts - 1, 30));
  // Anything up to the ceiling: daemons that one failed server has ended do not return together.
  const delay =
    cause === 'operator'
      ? ceiling(FIRST_SLOW_DELAY) * (0.5 + random() / 2)
      : ceiling(FIRST_CEILING) * random();
  return { verdict: { kind: 'restart', delay }, history: { attempts, crashes } };
}

function causeOf({ exitCode, error, notSpawned }: DaemonEnd): Cause {
  if (notSpawned) return 'outage';
  // The port of another process may become free, unlike everything else that ends with 2.
  if (error?.code === 'UNSTALE_ADMIN_LISTEN') return 'operator';
  switch (error?.exitCode ?? exitCode) {
    case 2:
      return 'configuration';
    case 3:
      return error?.directive === 'retry' ? 'outage' : 'operator';
    default:
      return error?.directive === 'poisoned' ? 'operator' : 'crash';
  }
}
