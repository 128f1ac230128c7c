import { median } from '../statistics.ts';
import { alignColumns, verdict } from '../text-table.ts';
import { CONTENDERS } from './contenders.ts';
import type { GuardRound } from './measure.ts';

const NONE = 'delete, none';
/** What a rule does that says nothing of its guard. */
const DEFAULT = 'delete, lease';
/** Those that store a value for every row. */
const STORING = CONTENDERS.filter(({ stores }) => stores).map(({ name }) => name);

/** The part of delete mode's rows/s that update mode has to reach. */
const LEAST_OF_DELETE = 0.5;

/** Medians of all rounds, one line for each kind of changes and contender. */
export function formatGuards(rounds: readonly GuardRound[]): string {
  const lines = [
    ['changes', 'rule', 'rows/s', `of ${NONE}`, `of ${DEFAULT}`, 'CPU µs/row', 'Redis µs/row', 'peak RSS MB'],
  ];
  for (const changes of changesOf(rounds)) {
    for (const { name } of CONTENDERS) {
      lines.push([
        name === NONE ? changes : '',
        name,
        Math.round(median(figures(rounds, changes, name, rate))).toLocaleString('en'),
        ratio(rounds, changes, name, NONE).toFixed(2),
        ratio(rounds, changes, name, DEFAULT).toFixed(2),
        median(figures(rounds, changes, name, (round) => round.cpuMicrosPerRow)).toFixed(2),
        median(figures(rounds, changes, name, (round) => round.redisMicrosPerRow)).toFixed(2),
        median(figures(rounds, changes, name, (round) => round.peakRssMb)).toFixed(0),
      ]);
    }
  }
  return alignColumns(lines, 2);
}

/** Whether the figures are what the project asks of itself; one line a demand. */
export function judgeGuards(rounds: readonly GuardRound[]): string[] {
  return [DEFAULT, NONE].map((baseline) => {
    const ratios = changesOf(rounds).flatMap((changes) =>
      STORING.map((name) => ({ what: `${changes} ${name}`, value: ratio(rounds, changes, name, baseline) })),
    );
    return verdict(
      ratios.every(({ value }) => value >= LEAST_OF_DELETE),
      `update mode at least ${LEAST_OF_DELETE * 100} % of the rows/s of ${baseline}: ` +
        ratios.map(({ what, value }) => `${what} ${value.toFixed(2)}`).join('; '),
    );
  });
}

function changesOf(rounds: readonly GuardRound[]): string[] {
  return [...new Set(rounds.map(({ changes }) => changes))];
}

function rate(round: GuardRound): number {
  return round.rowsPerSecond;
}

/** The median of the ratios round by round, so that a slow moment of the machine hits both. */
function ratio(rounds: readonly GuardRound[], changes: string, name: string, baseline: string): number {
  const base = figures(rounds, changes, baseline, rate);
  return median(
    figures(rounds, changes, name, rate).map((value, round) => value / (base[round] ?? Number.NaN)),
  );
}

function figures(
  rounds: readonly GuardRound[],
  changes: string,
  name: string,
  of: (round: GuardRound) => number,
): number[] {
  return rounds.filter((round) => round.changes === changes && round.contender === name).map(of);
}
