import type { HealthReport } from '../observability/health.ts';
import type { LogLevel } from '../observability/logger.ts';

/** What the admin server asks the daemon. */
export interface AdminHandlers {
  /** The metrics in the format that `contentType` names. */
  metrics(): Promise<string>;
  readonly contentType: string;
  health(): HealthReport;
  /** Goes out as JSON to whoever can connect: it must hold no secret and no row value. */
  status(): object;
  /** What was seen since then, ms since the epoch, for charts; the same holds for it. */
  history(since: number): object;
  /** Reads the configuration again; takes as long as Redis is away. What is removed is the configuration's to say unless given. */
  reload(invalidate: boolean | undefined): Promise<{ readonly result: 'applied' | 'unchanged' | 'refused' }>;
}

/** An action that the daemon does not do now; `code` is one of docs/errors.md. */
export interface Refused {
  readonly result: 'refused';
  readonly code: string;
  readonly message: string;
}

/** Up to where a caller wants everything applied: a GTID set, or for a server without GTIDs a place. */
export type WaitTarget =
  | { readonly gtid: string; readonly place?: undefined }
  | {
      readonly gtid?: undefined;
      readonly place: { readonly file: string; readonly offset: number };
    };

export interface WaitOutcome {
  /** `unknown`: this daemon cannot tell, ask the state tables. */
  readonly result: 'applied' | 'timeout' | 'unknown';
  /** Up to where everything is applied, `file:offset`. */
  readonly applied: string | null;
  /** What of the GTID set is not; null where nobody can tell. */
  readonly missing: string | null;
}

/** What operators and their scripts ask of a running daemon. What these give goes out as JSON. */
export interface OperatorHandlers {
  /** Nothing more is applied to Redis, but for what was read already; until `resume` or the end of the process. */
  pause(): { readonly result: 'paused'; readonly since: string };
  resume(): { readonly result: 'running' };
  /** Until `forMs` have passed, or the next reload or restart. */
  setLogLevel(level: LogLevel, forMs: number | undefined): object;
  /** Applies everything again that was applied since `moment` (ms since the epoch); takes as long as Redis is away. */
  rewind(moment: number): Promise<{ readonly result: 'rewound' } | Refused>;
  /**
   * Resolves when everything up to the target is applied, or after `timeoutMs`, or when the signal aborts.
   * @throws RangeError with a sentence for the caller if the target cannot be understood
   */
  wait(target: WaitTarget, timeoutMs: number, signal: AbortSignal): Promise<WaitOutcome>;
}
