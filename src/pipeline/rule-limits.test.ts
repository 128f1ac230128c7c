import { describe, expect, it } from 'vitest';
import type { CacheCommand } from '../change/command.ts';
import { RuleLimits } from './rule-limits.ts';

const rule = 'rules[0]';
const deletes = (...keys: readonly string[]): CacheCommand[] =>
  keys.map((key) => ({ kind: 'delete', key, rule }));
const log = { debug() {}, info() {}, warn() {}, error() {} };

/** Limits of one delete a second, whose clock goes from the end of one sleep to the next. */
function limitsOf(sent: string[]): RuleLimits {
  let now = 0;
  return new RuleLimits({
    rates: new Map([[rule, 1]]),
    send: (commands) => {
      for (const command of commands) if (command.kind === 'delete') sent.push(command.key);
      return Promise.resolve(true);
    },
    onError: (error) => {
      throw error;
    },
    signal: new AbortController().signal,
    sleep: async (ms) => {
      await new Promise((resolve) => setImmediate(resolve));
      now += ms;
    },
    now: () => now,
    log,
  });
}

describe('the limits of rules', () => {
  it('release what is held right after everything else was released', async () => {
    const sent: string[] = [];
    const limits = limitsOf(sent);
    const first = limits.admit(deletes('a', 'b'));
    expect(first.commands).toEqual(deletes('a'));
    // In the very moment in which the last one is done, the next one comes.
    const second = await first.held?.then(() => limits.admit(deletes('c')));
    expect(await second?.held).toBe(true);
    expect(sent).toEqual(['b', 'c']);
    expect(limits.held).toBe(0);
  });
});
