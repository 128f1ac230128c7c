import { writeFile } from 'node:fs/promises';

import type { GuardBenchOptions } from '../options.ts';
import { describeMachine, formatMachine } from '../report.ts';
import { startServers } from '../servers.ts';
import { measureGuards } from './measure.ts';
import type { GuardRound } from './measure.ts';
import { productChanges } from './product-changes.ts';
import { formatGuards, judgeGuards } from './report.ts';

/** `npm run bench -- guards`: what guards and stored values cost a catch-up. See docs/benchmarks.md. */
export async function benchGuards(options: GuardBenchOptions, say: (line: string) => void): Promise<void> {
  const { flavour, quick, rounds: count } = options;
  const servers = await startServers(flavour);
  try {
    const machine = describeMachine(servers);
    say(formatMachine(machine));
    const rounds: GuardRound[] = [];
    for (const changes of productChanges(quick)) {
      rounds.push(...(await measureGuards({ changes, servers, rounds: count, warmUp: !quick, say })));
    }
    say(`\n${formatGuards(rounds)}\n`);
    for (const line of judgeGuards(rounds)) say(line);
    if (quick) say('\n--quick: the figures mean little');
    if (options.jsonFile !== undefined)
      await writeFile(options.jsonFile, `${JSON.stringify({ machine, options, rounds }, undefined, 2)}\n`);
  } finally {
    await servers.destroy();
  }
}
