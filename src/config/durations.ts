import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

const MILLISECONDS: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 };
const BYTES: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** The longest time that a timer of Node.js can wait, in ms. */
const LONGEST = 2 ** 31 - 1;

/** `500ms`, `5s`, `10m`, `1h` in ms, at most 596h. */
export function parseDuration(text: string): Parsed<number> {
  const [, digits, unit = ''] = /^(\d+)(ms|s|m|h)?$/.exec(text) ?? [];
  if (digits === undefined)
    return refuse('is not a duration', 'write a whole number and a unit: 500ms, 5s, 10m, 1h');
  const factor = MILLISECONDS[unit];
  if (factor === undefined) {
    const suggestion = `write ${digits}s, or another unit: ms, m, h`;
    return { ok: false, message: 'a duration needs a unit', remedy: 'write for example 5s', suggestion };
  }
  const value = Number(digits) * factor;
  return value > LONGEST ? refuse('the duration is too long', 'write at most 596h') : accept(value);
}

/** `64KiB`, `64MiB`, `1GiB` in bytes. */
export function parseSize(text: string): Parsed<number> {
  const [, digits, unit = ''] = /^(\d+)(KiB|MiB|GiB)?$/.exec(text) ?? [];
  if (digits === undefined)
    return refuse('is not a size', 'write a whole number and a unit: 64KiB, 64MiB, 1GiB');
  const factor = BYTES[unit];
  if (factor === undefined) {
    const suggestion = `write ${digits}MiB, or another unit: KiB, GiB`;
    return { ok: false, message: 'a size needs a unit', remedy: 'write for example 64MiB', suggestion };
  }
  const value = Number(digits) * factor;
  return Number.isSafeInteger(value)
    ? accept(value)
    : refuse('the size is too large', 'write at most 1024GiB');
}
