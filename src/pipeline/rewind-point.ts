import { isBefore } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import type { AppliedAt } from './ports.ts';

/** Where a repetition begins, and the entry of the history that says so. */
export interface RewindPoint {
  readonly entry: AppliedAt;
  readonly position: SourcePosition;
}

/**
 * Where to begin so that everything is applied again that was applied since `moment` (ms since the epoch): at the newest
 * entry at that moment or before, or lower, where a repetition that came since, or is under way, began or stands lower.
 *
 * @param entries oldest first
 * @param current up to where everything is applied now
 * @returns undefined when the entries do not reach back that far
 */
export function rewindPoint(
  entries: readonly AppliedAt[],
  moment: number,
  current: SourcePosition,
): RewindPoint | undefined {
  const from = entries.findLastIndex(({ at }) => at <= moment);
  const entry = entries[from];
  if (entry === undefined) return undefined;
  const position = [...entries.slice(from).map((each) => each.position), current].reduce((lowest, each) =>
    isBefore(each, lowest) ? each : lowest,
  );
  return { entry, position };
}
