import { describe, expect, it } from 'vitest';
import { formatTailLine } from './tail-line.ts';

const at = '2026-11-24T21:40:01.123Z';

describe('a line of the stream, for people', () => {
  it('names time, key, what became of it, how long it took and the rule', () => {
    const line = { at, kind: 'delete', key: 'user:7', rule: 'rules[0]', result: 'removed', lag_ms: 2 };
    expect(formatTailLine(line)).toBe('21:40:01.123Z  delete      user:7  removed  2 ms  rules[0]');
  });

  it('names the pattern, and why all its keys go', () => {
    const line = { at, kind: 'scope', pattern: 'user:*', reason: 'ddl', rule: 'rules[0]', result: 'dry_run' };
    expect(formatTailLine(line)).toBe('21:40:01.123Z  scope       user:*  dry run  ddl  rules[0]');
  });

  it('says how many lines are missing, and nothing of signs of life', () => {
    expect(formatTailLine({ at, dropped: 12 })).toMatch(/12 lines were dropped/);
    expect(formatTailLine({ at, heartbeat: true })).toBeUndefined();
  });

  it('cannot steer the terminal', () => {
    const line = { at, kind: 'delete', key: 'a\u001b[31m\nb\u202ec', rule: 'rules[0]', result: 'done' };
    expect(formatTailLine(line)).toContain(String.raw`a\u{1b}[31m\u{a}b\u{202e}c`);
  });
});
