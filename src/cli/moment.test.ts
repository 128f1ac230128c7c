import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseBack, parseMoment } from './moment.ts';

const NOW = Date.UTC(2026, 10, 29, 22, 0, 0);
const past = fc.date({ min: new Date('2000-01-01'), max: new Date(NOW), noInvalidDate: true });

describe('a moment', () => {
  it.each([
    ['10 minutes ago', 600_000],
    ['1 minute ago', 60_000],
    ['90s ago', 90_000],
    ['2h', 7_200_000],
    ['3 days ago', 259_200_000],
    ['1 week ago', 604_800_000],
    ['0s ago', 0],
    [' 5 MIN AGO ', 300_000],
  ])('%j is that long before now', (text, before) => {
    expect(parseMoment(text, NOW)).toBe(NOW - before);
  });

  it('is what it was written from, in UTC, with an offset, and by the clock of the machine', () => {
    fc.assert(
      fc.property(past, fc.integer({ min: -12 * 4, max: 14 * 4 }), (date, quarters) => {
        expect(parseMoment(date.toISOString(), NOW)).toBe(date.getTime());
        const shifted = new Date(date.getTime() + quarters * 900_000).toISOString().slice(0, -1);
        const [hours, minutes] = [Math.floor(Math.abs(quarters) / 4), (Math.abs(quarters) % 4) * 15];
        const two = (part: number): string => String(part).padStart(2, '0');
        const zone = `${quarters < 0 ? '-' : '+'}${two(hours)}:${two(minutes)}`;
        expect(parseMoment(`${shifted.replace('T', ' ')} ${zone}`, NOW)).toBe(date.getTime());
        const local = [date.getFullYear(), date.getMonth() + 1, date.getDate()].map(two).join('-');
        const clock = [date.getHours(), date.getMinutes(), date.getSeconds()].map(two).join(':');
        const wholeSecond = Math.floor(date.getTime() / 1000) * 1000;
        const read = parseMoment(`${local} ${clock}`, NOW);
        // An hour that the clock shows twice may be either.
        expect([wholeSecond, wholeSecond - 3_600_000, wholeSecond + 3_600_000]).toContain(read);
      }),
    );
  });

  it('may leave out seconds and the time', () => {
    expect(parseMoment('2026-11-29T21:00Z', NOW)).toBe(Date.UTC(2026, 10, 29, 21));
    expect(parseMoment('2026-11-29', NOW)).toBe(new Date(2026, 10, 29).getTime());
  });

  it.each([
    '',
    'yesterday',
    '10',
    '10 parsecs ago',
    'minutes ago',
    '2026-02-30 10:00',
    '2026-11-29 25:00',
    '2026-11-29 21:60',
    '2026-13-01',
    '29.11.2026',
    '21:00',
    '-5m',
    'Infinity minutes ago',
  ])('%j is refused, with examples', (text) => {
    expect(() => parseMoment(text, NOW)).toThrow(/is no moment; write for example/);
  });

  it('that has not come yet is refused', () => {
    expect(() => parseMoment('2026-11-29T22:00:01Z', NOW)).toThrow(/has not come yet/);
  });

  it('is never another one by accident: whatever is taken is in the past', () => {
    fc.assert(
      fc.property(
        fc.oneof(fc.string(), fc.stringMatching(/^\d{1,4}[-: ]?\d{0,2} ?(s|m|h|ago)?$/)),
        (text) => {
          let moment = NOW;
          try {
            moment = parseMoment(text, NOW);
          } catch (error) {
            expect(error).toMatchObject({ code: 'UNSTALE_USAGE' });
          }
          expect(moment).toBeLessThanOrEqual(NOW);
        },
      ),
    );
  });
});

describe('a way back', () => {
  it('is a duration before now', () => {
    expect(parseBack('10m', NOW)).toBe(NOW - 600_000);
    expect(() => parseBack('10', NOW)).toThrow(/is no duration/);
    expect(() => parseBack('-5m', NOW)).toThrow(/is no duration/);
  });
});
