import { writeFile } from 'node:fs/promises';

import type { LookupBenchOptions } from '../options.ts';
import { describeMachine, formatMachine } from '../report.ts';
import { startServers } from '../servers.ts';
import { LOOKUP_SIDES, measureLookups } from './measure.ts';
import type { LookupRound } from './measure.ts';
import { formatLookups, judgeLookups } from './report.ts';
import { LOADS } from './workload.ts';

/** `npm run bench -- lookups`: what the queries of rules cost the source. See docs/benchmarks.md. */
export async function benchLookups(options: LookupBenchOptions, say: (line: string) => void): Promise<void> {
  const { flavour, quick, rounds: count } = options;
  const servers = await startServers(flavour);
  try {
    const machine = describeMachine(servers);
    say(formatMachine(machine));
    const rounds: LookupRound[] = [];
    for (let round = 1; round <= count; round += 1) {
      for (const name of LOADS) {
        for (const side of LOOKUP_SIDES) {
          const load = { name, parents: quick ? 5_000 : 20_000, rate: 5_000, seconds: quick ? 1 : 3 };
          rounds.push(await measureLookups(load, side, servers));
        }
      }
    }
    say(`\n${formatLookups(rounds)}\n`);
    for (const line of judgeLookups(rounds)) say(line);
    if (quick) say('\n--quick: the figures mean little');
    if (options.jsonFile !== undefined)
      await writeFile(options.jsonFile, `${JSON.stringify({ machine, options, rounds }, undefined, 2)}\n`);
  } finally {
    await servers.destroy();
  }
}
