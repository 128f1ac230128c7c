/** `closed`: Redis is used; `open`: it is left alone; `half-open`: one probe is on its way. */
export type BreakerState = 'closed' | 'open' | 'half-open';

/** What `enter` says of one call: not at all, as usual, or as the one probe. */
export type Admission = 'refused' | 'normal' | 'probe';

export interface BreakerSettings {
  /** Consecutive failures that open it. */
  readonly failures: number;
  /** How long it stays open before a probe, ms. */
  readonly openMs: number;
}

/** Leaves Redis alone after repeated failures, and lets one call at a time find out whether it is back. */
export interface Breaker {
  readonly state: BreakerState;
  /** Asks before a call. `now` is ms on a clock that only grows. */
  enter(now: number): Admission;
  /** Tells how an admitted call ended. */
  leave(admission: Admission, succeeded: boolean, now: number): void;
}

export function createBreaker(
  { failures, openMs }: BreakerSettings,
  onState: (state: BreakerState) => void = () => undefined,
): Breaker {
  let state: BreakerState = 'closed';
  let consecutive = 0;
  let probeAt = 0;

  const become = (next: BreakerState): void => {
    state = next;
    onState(next);
  };
  const open = (now: number): void => {
    probeAt = now + openMs;
    become('open');
  };

  return {
    get state() {
      return state;
    },
    enter(now) {
      if (state === 'closed') return 'normal';
      if (state === 'half-open' || now < probeAt) return 'refused';
      become('half-open');
      return 'probe';
    },
    leave(admission, succeeded, now) {
      if (admission === 'probe') {
        consecutive = 0;
        if (succeeded) become('closed');
        else open(now);
        return;
      }
      // Calls from before it opened say nothing of now.
      if (state !== 'closed') return;
      if (succeeded) {
        consecutive = 0;
        return;
      }
      consecutive += 1;
      if (consecutive < failures) return;
      consecutive = 0;
      open(now);
    },
  };
}
