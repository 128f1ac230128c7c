import { parseDuration } from './durations.ts';
import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

/** ms */
const [SHORTEST, LONGEST] = [2000, 60_000];

/** The server of the lock counts in whole seconds; in ms. */
export function parseLeaseTimeout(text: string): Parsed<number> {
  const parsed = parseDuration(text);
  if (!parsed.ok) return parsed;
  const { value } = parsed;
  return value % 1000 === 0 && value >= SHORTEST && value <= LONGEST
    ? accept(value)
    : refuse('is no length of a lease', 'write whole seconds from 2s to 60s');
}
