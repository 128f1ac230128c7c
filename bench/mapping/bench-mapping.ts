import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';

import type { MappingBenchOptions } from '../options.ts';
import { describeMachine, formatMachine } from '../report.ts';
import { median } from '../statistics.ts';
import { alignColumns, verdict } from '../text-table.ts';
import { SCENARIOS } from './scenarios.ts';
import type { ScenarioName } from './scenarios.ts';

/** What a process that mapped reports; CPU seconds of all its threads. */
export interface MappingReport {
  readonly rows: number;
  readonly commands: number;
  readonly cpuSeconds: number;
}

const SIDES = ['compiled', 'interpreted'] as const;
type Side = (typeof SIDES)[number];
type Rates = Readonly<Record<Side, readonly number[]>>;

/** Rows of CPU second that the project asks for. */
const LEAST_RATE = 3e6;
/** Times the cost of a row that 200 tables may have. */
const MOST_FOR_MANY = 1.1;

/** `npm run bench -- mapping`: the mapping alone, in rounds of all scenarios and both sides in turn. */
export async function benchMapping(
  { rounds, jsonFile }: MappingBenchOptions,
  say: (line: string) => void,
): Promise<void> {
  const machine = describeMachine();
  say(formatMachine(machine));
  const rates = new Map<ScenarioName, Record<Side, number[]>>();
  for (const name of SCENARIOS) rates.set(name, { compiled: [], interpreted: [] });
  for (let round = 1; round <= rounds; round += 1) {
    for (const [name, sides] of rates) for (const side of SIDES) sides[side].push(await measure(name, side));
    say(`  round ${round} of ${rounds}`);
  }
  say(`\n${formatRates(rates)}\n`);
  for (const line of judge(rates)) say(line);
  if (jsonFile !== undefined) {
    const figures = { machine, rates: Object.fromEntries(rates) };
    await writeFile(jsonFile, `${JSON.stringify(figures, undefined, 2)}\n`);
  }
}

/** Rows of a CPU second. @throws Error when a row did not give one command */
async function measure(name: ScenarioName, side: Side): Promise<number> {
  const file = fileURLToPath(new URL('mapping-loop.ts', import.meta.url));
  const { stdout } = await promisify(execFile)(process.execPath, [file, name, side]);
  const { rows, commands, cpuSeconds }: MappingReport = JSON.parse(stdout);
  if (rows !== commands) throw new Error(`${side}: ${commands} commands of ${rows} rows on ${name}`);
  return rows / cpuSeconds;
}

function formatRates(rates: ReadonlyMap<ScenarioName, Rates>): string {
  const lines = [
    ['rules', 'compiled rows/s', 'interpreted rows/s', 'ratio', "cost of a row, 'integer' is 1"],
  ];
  for (const [name, { compiled, interpreted }] of rates) {
    lines.push([
      name,
      Math.round(median(compiled)).toLocaleString('en'),
      Math.round(median(interpreted)).toLocaleString('en'),
      median(ratios(compiled, interpreted)).toFixed(2),
      median(ratios(rates.get('integer')?.compiled ?? [], compiled)).toFixed(2),
    ]);
  }
  return alignColumns(lines, 1);
}

function judge(rates: ReadonlyMap<ScenarioName, Rates>): string[] {
  const slowest = Math.min(
    ...(['integer', 'text'] as const).map((name) => median(rates.get(name)?.compiled ?? [])),
  );
  const costs = (['200 tables', '200 tables, runs'] as const).map((name) => {
    const cost = median(ratios(rates.get('integer')?.compiled ?? [], rates.get(name)?.compiled ?? []));
    return [name, cost] as const;
  });
  return [
    verdict(
      slowest >= LEAST_RATE,
      `one-key rules: at least 3 million rows in a CPU second: ${(slowest / 1e6).toFixed(1)}`,
    ),
    ...costs.map(([name, cost]) =>
      verdict(
        cost <= MOST_FOR_MANY,
        `${name}: a row costs at most 1.1 times that of one table: ${cost.toFixed(2)}`,
      ),
    ),
  ];
}

/** Round by round, so that a slow minute of the machine hits both. */
function ratios(of: readonly number[], to: readonly number[]): number[] {
  return of.map((rate, round) => rate / (to[round] ?? Number.NaN));
}
