import type { LiveUpdate } from './live-writer.ts';

export interface Latencies {
  /** From the acknowledgement of the commit to the delete, ms; 0 where the delete was seen first. */
  readonly ms: readonly number[];
  /** How many deletes were seen before the acknowledgement of their commit. */
  readonly early: number;
  /** Updates after whose SET no delete was seen. */
  readonly missing: number;
}

/** Finds for each update the first delete of its key after the key was set. */
export function latenciesOf(
  updates: readonly LiveUpdate[],
  deletes: ReadonlyMap<string, readonly number[]>,
  table: string,
): Latencies {
  const ms: number[] = [];
  let early = 0;
  let missing = 0;
  for (const { id, setAt, acknowledgedAt } of updates) {
    const deletedAt = deletes.get(`${table}:${id}`)?.find((at) => at >= setAt);
    if (deletedAt === undefined) {
      missing += 1;
      continue;
    }
    if (deletedAt < acknowledgedAt) early += 1;
    ms.push(Math.max(0, deletedAt - acknowledgedAt));
  }
  return { ms, early, missing };
}
