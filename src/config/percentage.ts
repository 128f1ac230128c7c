import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

/** `10%` as 0.1; from 0% to 100%. */
export function parsePercentage(text: string): Parsed<number> {
  const digits = /^(\d{1,3})%$/.exec(text)?.[1];
  if (digits === undefined || Number(digits) > 100)
    return refuse('is not a percentage', 'write a whole number from 0% to 100%');
  return accept(Number(digits) / 100);
}
