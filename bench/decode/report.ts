import { median } from '../statistics.ts';
import { alignColumns, verdict } from '../text-table.ts';
import type { DecodeDatasetName } from './datasets.ts';
import type { DecodeResult } from './measure.ts';
import { READERS } from './readers.ts';
import type { ReaderName } from './readers.ts';
import type { ReaderReport } from './reader-task.ts';

/** Medians of all rounds, one line a dataset and reader. `x unstale`: how many times unstale's time. */
export function formatDecode(results: readonly DecodeResult[]): string {
  const lines = [['dataset', 'reader', 'seconds', 'x unstale', 'CPU s', 'MB/s', 'peak RSS MB']];
  for (const result of results) {
    const readers = READERS.filter((reader) => result.reports[reader] !== undefined);
    for (const [index, reader] of readers.entries()) {
      const seconds = middle(result, reader, (report) => report.seconds);
      lines.push([
        index === 0 ? result.dataset : '',
        reader,
        seconds.toFixed(3),
        timesAsLong(result, reader, 'unstale').toFixed(2),
        middle(result, reader, (report) => report.cpuSeconds).toFixed(2),
        (result.bytes / 1e6 / seconds).toFixed(0),
        middle(result, reader, (report) => report.peakRssMb).toFixed(0),
      ]);
    }
  }
  return alignColumns(lines, 2);
}

/** Whether the decoder is as fast as the project asks; one line a demand whose dataset was measured. */
export function judgeDecode(results: readonly DecodeResult[]): string[] {
  const demand = (
    dataset: DecodeDatasetName,
    [slow, fast]: readonly [ReaderName, ReaderName],
    atLeast: number,
    what: string,
  ): string[] => {
    const result = results.find((each) => each.dataset === dataset);
    if (result?.reports[slow] === undefined || result.reports[fast] === undefined) return [];
    const factor = timesAsLong(result, slow, fast);
    return [verdict(factor >= atLeast, `${what}: ${factor.toFixed(2)}`)];
  };
  return [
    ...demand('narrow-small', ['zongji', 'unstale'], 8, 'narrow-small: at least 8 times as fast as zongji'),
    ...demand('wide-small', ['zongji', 'unstale'], 15, 'wide-small: at least 15 times as fast as zongji'),
    ...demand('wide-small', ['floor', 'unstale'], 0.75, "wide-small: at least 0.75 of the floor's speed"),
    ...demand(
      'unmapped',
      ['zongji + filter', 'unstale'],
      3,
      'unmapped: at least 3 times as fast as zongji with its filter',
    ),
  ];
}

/** The median of the rounds' ratios, so that a slow minute of the machine hits both. */
function timesAsLong(result: DecodeResult, one: ReaderName, other: ReaderName): number {
  const others = result.reports[other] ?? [];
  return median(
    (result.reports[one] ?? []).map(
      (report, round) => report.seconds / (others[round]?.seconds ?? Number.NaN),
    ),
  );
}

function middle(result: DecodeResult, reader: ReaderName, figure: (report: ReaderReport) => number): number {
  return median((result.reports[reader] ?? []).map(figure));
}
