import { describe, expect, it } from 'vitest';
import { formatDuration, parseDurationText } from './duration.ts';

describe('a duration as text', () => {
  it.each([
    ['0ms', 0],
    ['500ms', 500],
    ['1500ms', 1_500],
    ['5s', 5_000],
    ['90s', 90_000],
    ['10m', 600_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
  ])('%s is %d ms, and is written so', (text, ms) => {
    expect(parseDurationText(text)).toBe(ms);
    expect(formatDuration(ms)).toBe(text);
  });
});
