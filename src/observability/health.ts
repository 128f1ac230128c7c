/** What health is judged from. Times are in ms; `undefined` is unknown, which by itself is no fault. */
export interface HealthSnapshot {
  /** Start-up is complete: the position is resumed and events are being followed. */
  readonly started: boolean;
  /** The daemon was told to stop and finishes what is open. */
  readonly draining: boolean;
  /** Why every mapped key has to be removed before Redis follows MySQL again. */
  readonly gap?: { readonly code: string; readonly message: string };
  /** A binlog stream is open. */
  readonly streaming: boolean;
  /** Since when an operator holds it back, ms since the epoch. */
  readonly pausedByOperatorSince?: number | undefined;
  /** The stream waits for a slow Redis on purpose. */
  readonly paused: boolean;
  /** Since any event or heartbeat arrived. */
  readonly lastEventAgeMs: number | undefined;
  readonly silenceTimeoutMs: number;
  readonly redisReachable: boolean;
  /** It is certain that no other daemon leads. */
  readonly leaseHeld: boolean;
  readonly lagMs: number | undefined;
  readonly maxLagMs: number;
  /** The error that ended the daemon's work. */
  readonly fatal?: { readonly code: string; readonly message: string };
}

/** `reasons` say in sentences why the daemon is not ready; there are none exactly if it is. */
export interface HealthReport {
  readonly ready: boolean;
  readonly live: boolean;
  readonly reasons: readonly string[];
}

/**
 * Ready: what is in Redis follows MySQL within the bounds. Live: only a fatal error ends it, because a
 * restart mends neither MySQL nor Redis, and a restart loop would hide which of them is down.
 */
export function assessHealth(snapshot: HealthSnapshot): HealthReport {
  const reasons = [...ownReasons(snapshot), ...(snapshot.draining ? [] : streamReasons(snapshot))];
  if (!snapshot.redisReachable) reasons.push('Redis is not reachable.');
  return reportOf(snapshot, reasons);
}

/** What the health of a daemon that waits to lead is judged from. */
export interface StandbySnapshot extends Pick<
  HealthSnapshot,
  'draining' | 'redisReachable' | 'fatal' | 'pausedByOperatorSince'
> {
  /** The server of the lock answers. */
  readonly stateReachable: boolean;
}

/** Ready: it could take over. Live: as `assessHealth`. */
export function assessStandby(snapshot: StandbySnapshot): HealthReport {
  const reasons = ownReasons({ ...snapshot, started: true });
  if (!snapshot.redisReachable) reasons.push('Redis is not reachable.');
  if (!snapshot.stateReachable) reasons.push('The state database does not answer.');
  return reportOf(snapshot, reasons);
}

function reportOf({ fatal }: Pick<HealthSnapshot, 'fatal'>, reasons: readonly string[]): HealthReport {
  return { ready: reasons.length === 0, live: fatal === undefined, reasons };
}

function ownReasons(
  snapshot: Pick<HealthSnapshot, 'fatal' | 'draining' | 'started' | 'gap' | 'pausedByOperatorSince'>,
): string[] {
  const { fatal, draining, started, gap, pausedByOperatorSince: pausedSince } = snapshot;
  const reasons: string[] = [];
  if (fatal !== undefined) reasons.push(`A fatal error ended the work: ${fatal.message} (${fatal.code}).`);
  if (draining) reasons.push('The daemon is stopping.');
  else if (!started) reasons.push('Start-up is not complete.');
  if (pausedSince !== undefined && !draining) {
    reasons.push(`Paused by the operator since ${new Date(pausedSince).toISOString()}.`);
  }
  if (gap !== undefined) reasons.push(`Recovering from a gap in the binlog: ${gap.message} (${gap.code}).`);
  return reasons;
}

function streamReasons(snapshot: HealthSnapshot): string[] {
  const { streaming, paused, lastEventAgeMs, silenceTimeoutMs, lagMs, maxLagMs } = snapshot;
  const reasons: string[] = [];
  if (!snapshot.leaseHeld) {
    reasons.push(
      'The state database does not say that this daemon still leads; until it does, nothing is applied.',
    );
  }
  if (!streaming) {
    reasons.push('The binlog stream is not open.');
  } else if (!paused && lastEventAgeMs !== undefined && lastEventAgeMs > silenceTimeoutMs) {
    reasons.push(
      `No event and no heartbeat arrived for ${seconds(lastEventAgeMs)}; the limit is ${seconds(silenceTimeoutMs)}.`,
    );
  }
  if (lagMs !== undefined && lagMs > maxLagMs) {
    reasons.push(`Redis is ${seconds(lagMs)} behind MySQL; the limit is ${seconds(maxLagMs)}.`);
  }
  return reasons;
}

function seconds(ms: number): string {
  return `${(ms / 1000).toFixed(1)} s`;
}
