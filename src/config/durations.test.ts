import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { parseDuration, parseSize } from './durations.ts';

describe('a duration', () => {
  it.each([
    ['0s', 0],
    ['500ms', 500],
    ['5s', 5000],
    ['10m', 600_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
    ['596h', 2_145_600_000],
  ])('%s is %d ms', (text, expected) => {
    expect(parseDuration(text)).toEqual({ ok: true, value: expected });
  });

  it('refuses a bare number and suggests a unit', () => {
    expect(parseDuration('5')).toMatchObject({ ok: false, suggestion: expect.stringContaining('write 5s') });
  });

  it.each(['', 's', '5 s', '1.5s', '-5s', '5S', '5sec', '5w', '25d', '597h', '99999999999999999999s', 'NaN'])(
    'refuses %j',
    (text) => {
      expect(parseDuration(text).ok).toBe(false);
    },
  );
});

describe('a size', () => {
  it.each([
    ['64KiB', 65_536],
    ['64MiB', 67_108_864],
    ['1GiB', 1_073_741_824],
  ])('%s is %d bytes', (text, expected) => {
    expect(parseSize(text)).toEqual({ ok: true, value: expected });
  });

  it('refuses a bare number and suggests a unit', () => {
    expect(parseSize('64')).toMatchObject({ ok: false, suggestion: expect.stringContaining('write 64MiB') });
  });

  it.each(['', 'MiB', '64MB', '64 MiB', '64kib', '-1MiB', '99999999999GiB'])('refuses %j', (text) => {
    expect(parseSize(text).ok).toBe(false);
  });

  it('never holds the refused text in message or remedy, which may be a misplaced secret', () => {
    fc.assert(
      fc.property(fc.stringMatching(/^[0-9a-z]{20,30}$/), (text) => {
        for (const parsed of [parseDuration(text), parseSize(text)]) {
          if (!parsed.ok) expect(`${parsed.message}${parsed.remedy}`).not.toContain(text);
        }
      }),
    );
  });
});
