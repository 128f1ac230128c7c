import { median } from '../statistics.ts';
import { alignColumns, verdict } from '../text-table.ts';
import { LOOKUP_SIDES } from './measure.ts';
import type { LookupRound, LookupSide } from './measure.ts';
import { LOADS } from './workload.ts';
import type { LoadName } from './workload.ts';

/** The daemon's memory, whatever the queries give. */
const MOST_RSS_MB = 130;
/** A tenth of one query a change. */
const MOST_SELECTS = 100;

/** Medians of all rounds, one line a load and side. */
export function formatLookups(rounds: readonly LookupRound[]): string {
  const lines = [['load', 'side', 'changes/s', 'SELECTs/1,000', 'behind ms', 'CPU µs/change', 'peak RSS MB']];
  for (const load of LOADS) {
    for (const side of LOOKUP_SIDES) {
      const figure = (of: (round: LookupRound) => number): number => middle(rounds, load, side, of);
      lines.push([
        side === LOOKUP_SIDES[0] ? load : '',
        side,
        figure((round) => round.changesPerSecond).toFixed(0),
        figure((round) => round.selectsPer1000).toFixed(1),
        figure((round) => round.behindMs).toFixed(0),
        figure((round) => round.cpuMicrosPerChange).toFixed(0),
        figure((round) => round.peakRssMb).toFixed(0),
      ]);
    }
  }
  return alignColumns(lines, 2);
}

/** Whether the figures are what the project asks of itself; one line a demand. */
export function judgeLookups(rounds: readonly LookupRound[]): string[] {
  const demand = (what: string, most: number, of: (round: LookupRound) => number): string => {
    const figures = LOADS.map((load) => middle(rounds, load, 'unstale', of));
    const isMet = figures.every((figure) => figure <= most);
    return verdict(isMet, `${what}: ${figures.map((figure) => figure.toFixed(1)).join(', ')}`);
  };
  return [
    demand(
      `at most ${MOST_SELECTS} SELECTs for 1,000 changes`,
      MOST_SELECTS,
      (round) => round.selectsPer1000,
    ),
    demand(`peak RSS of unstale at most ${MOST_RSS_MB} MB`, MOST_RSS_MB, (round) => round.peakRssMb),
  ];
}

function middle(
  rounds: readonly LookupRound[],
  load: LoadName,
  side: LookupSide,
  of: (round: LookupRound) => number,
): number {
  return median(rounds.filter((round) => round.load === load && round.side === side).map(of));
}
