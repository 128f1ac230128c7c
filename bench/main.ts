// npm run bench: unstale beside a naive loop, on servers of its own. See docs/benchmarks.md.
import { writeFile } from 'node:fs/promises';

import { measureCatchUp } from './catch-up.ts';
import { datasetOf } from './datasets.ts';
import { benchDecode } from './decode/bench-decode.ts';
import { benchGuards } from './guards/bench-guards.ts';
import { benchLookups } from './lookups/bench-lookups.ts';
import { measureLive } from './live.ts';
import { benchMapping } from './mapping/bench-mapping.ts';
import type { Measurements } from './measurements.ts';
import { benchReader } from './reader/bench-reader.ts';
import {
  parseDecodeOptions,
  parseGuardOptions,
  parseLookupOptions,
  parseMappingOptions,
  parseOptions,
  parseReaderOptions,
  USAGE,
  UsageError,
} from './options.ts';
import type { BenchOptions } from './options.ts';
import { describeMachine, formatMachine, formatTable, judge } from './report.ts';
import { startServers } from './servers.ts';
import type { BenchServers } from './servers.ts';

/** Not judged by the naive loop's latency: waiting until a change can be read is what the naive loop fails to do. */
const WITH_BARRIER = 'live, barrier on';

const say = (line: string): void => console.log(line);

try {
  const [first, ...rest] = process.argv.slice(2);
  if (first === 'decode') {
    const options = parseDecodeOptions(rest);
    if (options === undefined) say(USAGE);
    else await benchDecode(options, say);
  } else if (first === 'mapping') {
    const options = parseMappingOptions(rest);
    if (options === undefined) say(USAGE);
    else await benchMapping(options, say);
  } else if (first === 'lookups') {
    const options = parseLookupOptions(rest);
    if (options === undefined) say(USAGE);
    else await benchLookups(options, say);
  } else if (first === 'reader') {
    const options = parseReaderOptions(rest);
    if (options === undefined) say(USAGE);
    else await benchReader(options, say);
  } else if (first === 'guards') {
    const options = parseGuardOptions(rest);
    if (options === undefined) say(USAGE);
    else await benchGuards(options, say);
  } else {
    const options = parseOptions(process.argv.slice(2));
    if (options === undefined) say(USAGE);
    else await bench(options);
  }
} catch (error) {
  const isUsage = error instanceof UsageError;
  console.error(isUsage ? `${error.message}\n\n${USAGE}` : error);
  process.exitCode = isUsage ? 2 : 1;
}

async function bench(options: BenchOptions): Promise<void> {
  const servers = await startServers(options.flavour);
  try {
    const machine = describeMachine(servers);
    say(formatMachine(machine));
    const measurements = [...(await catchUps(options, servers)), ...(await lives(options, servers))];
    const comparisons = measurements.flatMap((scenario) => scenario.compare());
    say(`\n${formatTable(comparisons)}\n`);
    for (const line of judge(comparisons.filter(({ scenario }) => scenario !== WITH_BARRIER))) say(line);
    if (options.quick) say('\n--quick: the figures mean little');
    if (options.jsonFile !== undefined) {
      await writeFile(
        options.jsonFile,
        `${JSON.stringify({ machine, options, measurements }, undefined, 2)}\n`,
      );
    }
  } finally {
    await servers.destroy();
  }
}

async function catchUps(options: BenchOptions, servers: BenchServers): Promise<Measurements[]> {
  const all: Measurements[] = [];
  if (!options.parts.includes('catch-up')) return all;
  for (const name of options.datasets) {
    const dataset = datasetOf(name, options.quick);
    all.push(await measureCatchUp({ dataset, servers, pairs: options.pairs, warmUp: !options.quick, say }));
  }
  return all;
}

async function lives(options: BenchOptions, servers: BenchServers): Promise<Measurements[]> {
  if (!options.parts.includes('live')) return [];
  const { pairs, quick } = options;
  const common = { servers, pairs, rate: 1_000, say };
  return [
    await measureLive({ ...common, name: 'live', seconds: quick ? 2 : 10, hotRows: 1_000, bulkRows: 0 }),
    await measureLive({
      ...common,
      name: WITH_BARRIER,
      seconds: quick ? 2 : 10,
      hotRows: 1_000,
      bulkRows: 0,
      barrier: true,
    }),
    await measureLive({
      ...common,
      name: 'live + bulk',
      seconds: quick ? 4 : 6,
      // A bulk update may delay deletes by more than a second, the turn of 1,000 rows.
      hotRows: 5_000,
      bulkRows: quick ? 20_000 : 200_000,
    }),
  ];
}
