import { LONGEST_DURATION, parseDurationText } from '../duration/duration.ts';
import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

const BYTES: Readonly<Record<string, number>> = { KiB: 1024, MiB: 1024 ** 2, GiB: 1024 ** 3 };

/** `500ms`, `5s`, `10m`, `1h`, `1d` in ms, at most 596h. */
export function parseDuration(text: string): Parsed<number> {
  if (/^\d+$/.test(text)) {
    const suggestion = `write ${text}s, or another unit: ms, m, h, d`;
    return { ok: false, message: 'a duration needs a unit', remedy: 'write for example 5s', suggestion };
  }
  const value = parseDurationText(text);
  if (value === undefined)
    return refuse('is not a duration', 'write a whole number and a unit: 500ms, 5s, 10m, 1h, 1d');
  return value > LONGEST_DURATION ? refuse('the duration is too long', 'write at most 596h') : accept(value);
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
