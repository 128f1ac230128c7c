import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

/** Less would take longer than anyone waits. */
export const LEAST_SCAN_RATE = 1_000;

/** Keys in a second, or `unlimited`, which is Infinity. */
export function parseScanRate(text: string): Parsed<number> {
  if (text === 'unlimited') return accept(Number.POSITIVE_INFINITY);
  const rate = /^\d{1,12}$/.test(text) ? Number(text) : 0;
  return rate >= LEAST_SCAN_RATE
    ? accept(rate)
    : refuse('is no number of keys a second', `write a whole number from ${LEAST_SCAN_RATE}, or unlimited`);
}
