import type { CacheCommand, Guard } from '../change/command.ts';
import type { SourcePosition } from '../change/position.ts';
import type { MappingPlan } from '../mapping/plan.ts';
import type { RateLimits } from './delivery.ts';
import type { ChangeSource, LookupRunner } from './ports.ts';

/** What is read, and what is made of it. */
export interface MappedStream {
  readonly source: ChangeSource;
  readonly plan: MappingPlan;
  /** Undefined only for a plan without lookups. */
  readonly lookups?: LookupRunner;
  readonly rateLimits?: RateLimits;
  /** Guards deletes that comments ask for, and that belong to no rule. */
  readonly hintGuard?: Guard;
}

/** A stream that takes over, and what has to be done in Redis before anything of it is. */
export interface NextStream extends MappedStream {
  readonly first: readonly CacheCommand[];
  /** It begins here again, before what was read: nothing is new up to there, and no value of it is stored. */
  readonly replaysFrom?: SourcePosition;
}

/**
 * Opens a stream that begins at `after`, or where the first one began if it is undefined. The signal aborts when the
 * pipeline ends.
 */
export type OpenStream = (after: SourcePosition | undefined, signal: AbortSignal) => Promise<NextStream>;
