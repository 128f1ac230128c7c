import { cpus, totalmem } from 'node:os';

import type { Comparison } from './measurements.ts';
import type { BenchServers } from './servers.ts';
import { alignColumns, verdict } from './text-table.ts';

/** The daemon uses at most this much memory in any scenario. */
const MOST_RSS_MB = 130;

export interface Machine {
  readonly cores: number;
  readonly cpu: string;
  readonly memoryGb: number;
  readonly node: string;
  readonly mysql: string;
  readonly redis: string;
}

export function describeMachine({ mysql, redis }: Partial<BenchServers> = {}): Machine {
  return {
    cores: cpus().length,
    cpu: cpus()[0]?.model.trim() ?? 'unknown',
    memoryGb: Math.round(totalmem() / 1e9),
    node: process.version,
    mysql: mysql === undefined ? 'no MySQL' : `${mysql.flavour} ${mysql.version}`,
    redis: redis === undefined ? 'no Redis' : `${redis.implementation} ${redis.version}`,
  };
}

export function formatMachine(machine: Machine): string {
  const { cores, cpu, memoryGb, node, mysql, redis } = machine;
  return `machine: ${cores} cores (${cpu}), ${memoryGb} GB; node ${node}; ${mysql}; ${redis}`;
}

/** A table for a terminal: one line a scenario and metric. */
export function formatTable(comparisons: readonly Comparison[]): string {
  const rows = [
    ['scenario', 'metric', 'unstale', 'naive', 'ratio'],
    ...comparisons.map((line, index) => [
      line.scenario === comparisons[index - 1]?.scenario ? '' : line.scenario,
      line.metric,
      formatNumber(line.unstale),
      formatNumber(line.naive),
      line.ratio.toFixed(2),
    ]),
  ];
  return alignColumns(rows, 2);
}

/** Whether the figures are what the project asks of itself; one line a demand that was measured. */
export function judge(comparisons: readonly Comparison[]): string[] {
  const demand = (
    what: string,
    metric: string,
    figure: (line: Comparison) => number,
    isMet: (line: Comparison) => boolean,
  ): string[] => {
    const lines = comparisons.filter((line) => line.metric === metric);
    if (lines.length === 0) return [];
    const figures = lines.map((line) => `${line.scenario} ${formatNumber(figure(line))}`).join(', ');
    return [verdict(lines.every(isMet), `${what}: ${figures}`)];
  };
  return [
    ...demand('rows/s at least those of the naive loop', 'rows/s', ratio, (line) => line.ratio >= 1),
    ...demand('p50 no more than that of the naive loop', 'p50 ms', ratio, isNoSlower),
    ...demand('p99 no more than that of the naive loop', 'p99 ms', ratio, isNoSlower),
    ...demand(
      `peak RSS of unstale at most ${MOST_RSS_MB} MB`,
      'peak RSS MB',
      (line) => line.unstale,
      (line) => line.unstale <= MOST_RSS_MB,
    ),
  ];
}

/** Two runs of the same program differ by a tenth, and by more where it is less than a tenth of a millisecond. */
function isNoSlower(latency: Comparison): boolean {
  return latency.ratio <= 1.1 || latency.unstale - latency.naive < 0.1;
}

function ratio(line: Comparison): number {
  return line.ratio;
}

function formatNumber(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString('en');
  return value >= 100 ? value.toFixed(0) : value >= 10 ? value.toFixed(1) : value.toFixed(2);
}
