import { parseDurationText } from '../duration/duration.ts';
import { UnstaleError } from '../errors/unstale-error.ts';

const UNITS: Readonly<Record<string, number>> = {
  s: 1000,
  sec: 1000,
  second: 1000,
  m: 60_000,
  min: 60_000,
  minute: 60_000,
  h: 3_600_000,
  hour: 3_600_000,
  d: 86_400_000,
  day: 86_400_000,
  w: 604_800_000,
  week: 604_800_000,
};

const AGO = /^(\d{1,9})\s*([a-z]+?)s?(?:\s+ago)?$/;
const CLOCK =
  /^(\d{4})-(\d\d)-(\d\d)(?:[T ](\d\d):(\d\d)(?::(\d\d)(?:\.(\d{1,3})\d*)?)?)?\s*(Z|[+-]\d\d:?\d\d)?$/i;

/**
 * A moment of the past as people write it, in ms since the epoch: `10 minutes ago`, `90s ago`, `2026-11-29 21:00` by the
 * clock of this machine, `2026-11-29T21:00:00Z`, `2026-11-29 21:00 +02:00`.
 *
 * @param now ms since the epoch
 * @throws UnstaleError UNSTALE_USAGE for another text, a date that is none, and what has not come yet
 */
export function parseMoment(text: string, now: number): number {
  const words = text.trim();
  const moment = agoIn(words.toLowerCase(), now) ?? clockIn(words);
  if (moment === undefined || Number.isNaN(moment)) {
    throw usage(
      `"${text}" is no moment; write for example "10 minutes ago", "2026-11-29 21:00" or 2026-11-29T21:00:00Z`,
    );
  }
  if (moment > now) throw usage(`"${text}" has not come yet`);
  return moment;
}

/** A duration before now, such as `10m`. @throws UnstaleError UNSTALE_USAGE for another text */
export function parseBack(text: string, now: number): number {
  const ms = parseDurationText(text);
  if (ms === undefined) throw usage(`"${text}" is no duration; write for example 30s, 10m or 2h`);
  return now - ms;
}

function agoIn(text: string, now: number): number | undefined {
  const [, digits, unit = ''] = AGO.exec(text) ?? [];
  const factor = UNITS[unit];
  return digits === undefined || factor === undefined ? undefined : now - Number(digits) * factor;
}

/** NaN for a date that is none. */
function clockIn(text: string): number | undefined {
  const parts = CLOCK.exec(text);
  if (parts === null) return undefined;
  const [, year = '', month = '', day = '', hour = '0', minute = '0', second = '0', fraction = ''] = parts;
  const ms = Number(fraction.padEnd(3, '0'));
  const [y, mo, d, h, mi, s] = [year, month, day, hour, minute, second].map(Number);
  if (y === undefined || mo === undefined || d === undefined) return undefined;
  if (h === undefined || mi === undefined || s === undefined) return undefined;
  const utc = Date.UTC(y, mo - 1, d, h, mi, s, ms);
  const read = new Date(utc);
  // 30 February and 25:00 are other moments by then.
  const isReal =
    read.getUTCMonth() === mo - 1 && read.getUTCDate() === d && read.getUTCHours() === h && mi < 60 && s < 60;
  if (!isReal) return Number.NaN;
  const zone = parts[8];
  return zone === undefined ? new Date(y, mo - 1, d, h, mi, s, ms).getTime() : utc - offsetOf(zone);
}

/** ms that a zone is ahead of UTC. */
function offsetOf(zone: string): number {
  const [, sign, hours = '0', minutes = '0'] = /^([+-])(\d\d):?(\d\d)$/.exec(zone) ?? [];
  const ms = (Number(hours) * 60 + Number(minutes)) * 60_000;
  return sign === '-' ? -ms : ms;
}

function usage(message: string): UnstaleError {
  return new UnstaleError('UNSTALE_USAGE', message);
}
