/**
 * A date with or without a time of day, as `YYYY-MM-DD hh:mm:ss.ffffff`, whose order is that of text; or MySQL's TIME,
 * which may be negative and longer than a day, in microseconds.
 */
export type Temporal =
  { readonly kind: 'moment'; readonly text: string } | { readonly kind: 'time'; readonly micros: number };

const CLOCK = /(\d{2})(?::(\d{2})(?:\.(\d{1,6}))?)?/.source;
const MOMENT = new RegExp(String.raw`^(\d{4}-\d{2}-\d{2})(?:[ T](\d{2}):${CLOCK})?$`);
const TIME = new RegExp(String.raw`^(-?)(\d{2,3}):${CLOCK}$`);

/** Reads what MySQL prints for DATE, DATETIME, TIMESTAMP and TIME, seconds and fraction optional; else undefined. */
export function parseTemporal(text: string): Temporal | undefined {
  const moment = MOMENT.exec(text);
  if (moment !== null) {
    const [, date, hour = '00', minute = '00', second = '00', fraction = ''] = moment;
    return { kind: 'moment', text: `${date} ${hour}:${minute}:${second}.${fraction.padEnd(6, '0')}` };
  }
  const time = TIME.exec(text);
  if (time === null) return undefined;
  const [, minus, hour, minute, second = '0', fraction = ''] = time;
  const seconds = (Number(hour) * 60 + Number(minute)) * 60 + Number(second);
  const micros = seconds * 1e6 + Number(fraction.padEnd(6, '0'));
  return { kind: 'time', micros: minus === '-' ? -micros : micros };
}

/** Negative, zero or positive as the first is before, at or after the second; undefined if they are of two kinds. */
export function compareTemporals(one: Temporal, other: Temporal): number | undefined {
  if (one.kind === 'time' && other.kind === 'time') return one.micros - other.micros;
  if (one.kind !== 'moment' || other.kind !== 'moment') return undefined;
  return one.text === other.text ? 0 : one.text < other.text ? -1 : 1;
}
