/** A time as the daemon's configuration and the options of the reader kit spell it: a whole number and a unit. */
export type DurationText = `${number}${'ms' | 's' | 'm' | 'h' | 'd'}`;

const MILLISECONDS: Readonly<Record<string, number>> = {
  ms: 1,
  s: 1000,
  m: 60_000,
  h: 3_600_000,
  d: 86_400_000,
};

/** The longest time that a timer of Node.js can wait, ms: 24 days and a bit. */
export const LONGEST_DURATION = 2 ** 31 - 1;

/** `500ms`, `5s`, `10m`, `1h`, `1d` in ms; undefined for what is no such text. It may be longer than the longest. */
export function parseDurationText(text: string): number | undefined {
  const [, digits, unit = ''] = /^(\d+)(ms|s|m|h|d)$/.exec(text) ?? [];
  const factor = MILLISECONDS[unit];
  return digits === undefined || factor === undefined ? undefined : Number(digits) * factor;
}

/** With the largest unit that leaves a whole number. */
export function formatDuration(ms: number): string {
  const [unit, factor] = Object.entries(MILLISECONDS).findLast(
    ([, factor]) => ms >= factor && ms % factor === 0,
  ) ?? ['ms', 1];
  return `${ms / factor}${unit}`;
}
