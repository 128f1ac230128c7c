import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { ERROR_CATALOG } from '../errors/catalog.ts';
import {
  CRASH_WINDOW,
  FIRST_SLOW_DELAY,
  judgeEnd,
  LONGEST_DELAY,
  MOST_CRASHES,
  NO_HISTORY,
  STABLE_AFTER,
} from './restart-policy.ts';
import type { DaemonEnd, RestartHistory } from './restart-policy.ts';

const killed: DaemonEnd = { exitCode: null };

function endWith(code: keyof typeof ERROR_CATALOG): DaemonEnd {
  const { directive, exitCode } = ERROR_CATALOG[code];
  return { exitCode, error: { code, directive, exitCode } };
}

/** Verdicts on ends at the given times, one after the other. */
function judgeAll(ends: readonly (readonly [now: number, end: DaemonEnd])[], random = (): number => 0.5) {
  let history: RestartHistory = NO_HISTORY;
  return ends.map(([now, end]) => {
    const judged = judgeEnd(history, end, { now, random });
    history = judged.history;
    return judged.verdict;
  });
}

const ends = fc.record<DaemonEnd>(
  {
    exitCode: fc.constantFrom(null, 0, 1, 2, 3, 4, 137),
    error: fc
      .constantFrom(...(Object.keys(ERROR_CATALOG) as (keyof typeof ERROR_CATALOG)[]))
      .map((code) => ({ code, ...ERROR_CATALOG[code] })),
    notSpawned: fc.boolean(),
    readyFor: fc.nat(10_000_000),
  },
  { requiredKeys: ['exitCode'] },
);

describe('the restart policy', () => {
  it('does not start a daemon again that ended because of its configuration', () => {
    expect(judgeAll([[0, { exitCode: 2 }]])).toEqual([{ kind: 'gave_up' }]);
    expect(judgeAll([[0, endWith('UNSTALE_CONFIG_INVALID')]])).toEqual([{ kind: 'gave_up' }]);
  });

  it('tries a port again that another process has: it may become free', () => {
    expect(judgeAll([[0, endWith('UNSTALE_ADMIN_LISTEN')]])[0]).toMatchObject({ kind: 'restart' });
  });

  it('tries slowly what an operator has to mend on a server, for ever', () => {
    const verdicts = judgeAll(
      Array.from({ length: 100 }, (_, index) => [index * 1000, endWith('UNSTALE_BINLOG_OFF')]),
    );
    for (const verdict of verdicts) {
      expect(verdict).toMatchObject({ kind: 'restart' });
      if (verdict.kind === 'restart') expect(verdict.delay).toBeGreaterThanOrEqual(FIRST_SLOW_DELAY / 2);
    }
  });

  it('never gives up on a server that is away', () => {
    const away = endWith('UNSTALE_MYSQL_UNREACHABLE');
    const verdicts = judgeAll(Array.from({ length: 200 }, (_, index) => [index * 1000, away]));
    expect(new Set(verdicts.map(({ kind }) => kind))).toEqual(new Set(['restart']));
  });

  it('fails a daemon that crashes ten times in five minutes without having been ready', () => {
    const crashes = (apart: number): string[] =>
      judgeAll(Array.from({ length: MOST_CRASHES }, (_, index) => [index * apart, killed])).map(
        ({ kind }) => kind,
      );
    const tenth = Array.from({ length: MOST_CRASHES - 1 }, () => 'restart');
    expect(crashes(CRASH_WINDOW / MOST_CRASHES)).toEqual([...tenth, 'failed']);
    expect(crashes(CRASH_WINDOW / (MOST_CRASHES - 2))).toEqual([...tenth, 'restart']);
  });

  it('counts the crashes anew once the daemon was ready', () => {
    const almost: [number, DaemonEnd][] = Array.from({ length: MOST_CRASHES - 1 }, (_, at) => [at, killed]);
    const verdicts = judgeAll([...almost, [100, { exitCode: null, readyFor: 1 }], [101, killed]]);
    expect(verdicts.map(({ kind }) => kind)).not.toContain('failed');
  });

  it('waits longer and longer, and begins anew after a minute in which the daemon was ready', () => {
    const short: [number, DaemonEnd][] = Array.from({ length: 8 }, (_, at) => [
      at,
      { exitCode: 1, readyFor: 10 },
    ]);
    const stable: DaemonEnd = { exitCode: 1, readyFor: STABLE_AFTER };
    const delays = judgeAll([...short, [9, stable]], () => 1).map((verdict) =>
      verdict.kind === 'restart' ? verdict.delay : undefined,
    );
    expect(delays).toEqual([1000, 2000, 4000, 8000, 16_000, 32_000, 60_000, 60_000, 1000]);
  });

  it('comes to its tenth crash within the window, however the delays fall', () => {
    fc.assert(
      fc.property(
        fc.array(fc.double({ min: 0, max: 1, noNaN: true }), { minLength: 10, maxLength: 10 }),
        (randoms) => {
          let now = 0;
          let history: RestartHistory = NO_HISTORY;
          const verdicts = randoms.map((random) => {
            const judged = judgeEnd(history, killed, { now, random: () => random });
            history = judged.history;
            now += judged.verdict.kind === 'restart' ? judged.verdict.delay + 3000 : 0;
            return judged.verdict.kind;
          });
          expect(verdicts.at(-1)).toBe('failed');
        },
      ),
    );
  });

  it('keeps every delay between nothing and a minute, and its memory small', () => {
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.nat(20_000), ends, fc.double({ min: 0, max: 1, noNaN: true })), {
          maxLength: 100,
        }),
        (steps) => {
          let history: RestartHistory = NO_HISTORY;
          let now = 0;
          for (const [pause, end, random] of steps) {
            now += pause;
            const judged = judgeEnd(history, end, { now, random: () => random });
            ({ history } = judged);
            expect(history.crashes.length).toBeLessThan(MOST_CRASHES);
            if (judged.verdict.kind !== 'restart') continue;
            expect(judged.verdict.delay).toBeGreaterThanOrEqual(0);
            expect(judged.verdict.delay).toBeLessThanOrEqual(LONGEST_DELAY);
          }
        },
      ),
    );
  });
});
