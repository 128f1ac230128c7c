import { median } from '../statistics.ts';
import { alignColumns, verdict } from '../text-table.ts';
import type { Contender } from './contender.ts';
import { CONCURRENCIES } from './measure.ts';
import type { Concurrency, ReaderRound } from './measure.ts';

/** What the kit may cost beyond what it stands on, µs a hit. */
const MOST_OVERHEAD = 10;

type Figure = (round: ReaderRound) => number;

const WALL: Figure = (round) => round.microsPerHit;
const CPU: Figure = (round) => round.cpuMicrosPerHit;

/** Medians of all rounds, one line a contender and number of callers. */
export function formatHits(contenders: readonly Contender[], rounds: readonly ReaderRound[]): string {
  const lines = [['at once', 'contender', 'µs/hit', 'CPU µs/hit', 'more µs', 'more CPU µs', 'ratio']];
  for (const concurrency of CONCURRENCIES) {
    for (const { name, baseline } of contenders) {
      const more = (figure: Figure): string =>
        baseline === undefined ? '' : overhead(rounds, concurrency, name, baseline, figure).toFixed(2);
      lines.push([
        name === contenders[0]?.name ? String(concurrency) : '',
        name,
        median(figures(rounds, concurrency, name, WALL)).toFixed(2),
        median(figures(rounds, concurrency, name, CPU)).toFixed(2),
        more(WALL),
        more(CPU),
        baseline === undefined ? '' : ratio(rounds, concurrency, name, baseline).toFixed(3),
      ]);
    }
  }
  return alignColumns(lines, 2);
}

/** Whether the kit costs no more than the project asks of it; one line for each of its variants. */
export function judgeHits(contenders: readonly Contender[], rounds: readonly ReaderRound[]): string[] {
  return contenders
    .filter(({ name }) => name.startsWith('unstale'))
    .map(({ name, baseline = '' }) => {
      const worst = CONCURRENCIES.map((concurrency) => overhead(rounds, concurrency, name, baseline, WALL));
      return verdict(
        worst.every((micros) => micros <= MOST_OVERHEAD),
        `${name}: a hit takes at most ${MOST_OVERHEAD} µs more than ${baseline}: ${worst.map((micros) => micros.toFixed(2)).join(', ')}`,
      );
    });
}

/** Round by round, so that a slow moment of the machine hits both. */
function overhead(
  rounds: readonly ReaderRound[],
  concurrency: Concurrency,
  name: string,
  baseline: string,
  figure: Figure,
): number {
  const base = figures(rounds, concurrency, baseline, figure);
  return median(
    figures(rounds, concurrency, name, figure).map((micros, round) => micros - (base[round] ?? Number.NaN)),
  );
}

function ratio(
  rounds: readonly ReaderRound[],
  concurrency: Concurrency,
  name: string,
  baseline: string,
): number {
  const base = figures(rounds, concurrency, baseline, WALL);
  return median(
    figures(rounds, concurrency, name, WALL).map((micros, round) => micros / (base[round] ?? Number.NaN)),
  );
}

function figures(
  rounds: readonly ReaderRound[],
  concurrency: Concurrency,
  name: string,
  figure: Figure,
): number[] {
  return rounds
    .filter((round) => round.contender === name && round.concurrency === concurrency)
    .map((round) => figure(round));
}
