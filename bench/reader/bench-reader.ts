import { writeFile } from 'node:fs/promises';

import { startRedisServer } from '../../scripts/servers/redis-server.ts';
import type { ReaderBenchOptions } from '../options.ts';
import { describeMachine, formatMachine } from '../report.ts';
import { openCompetitors } from './competitors.ts';
import { CONTENDERS } from './contenders.ts';
import { CONCURRENCIES, measureHits } from './measure.ts';
import type { ReaderRound } from './measure.ts';
import { formatHits, judgeHits } from './report.ts';

const KEYS = 1_000;

/** `npm run bench -- reader`: what a hit costs, in rounds of all contenders in turn on one event loop. */
export async function benchReader(
  { rounds, quick, jsonFile }: ReaderBenchOptions,
  say: (line: string) => void,
): Promise<void> {
  const contenders = [...CONTENDERS, ...(await openCompetitors())];
  const redis = await startRedisServer();
  const opened = await Promise.all(
    contenders.map(async (contender) => ({
      name: contender.name,
      reads: await contender.open(redis.port),
      keys: Array.from({ length: KEYS }, (_, id) => `${contender.name}:${id}`),
    })),
  );
  try {
    const machine = describeMachine({ redis });
    say(formatMachine(machine));
    for (const { reads, keys } of opened)
      for (const [id, key] of keys.entries()) await reads.store(key, row(id));
    // Short rounds: what else the machine does then hits neighbours alike.
    const hits = quick ? 1_000 : 5_000;
    const measured: ReaderRound[] = [];
    // The first round is for the compiler.
    for (let round = 0; round <= rounds; round += 1) {
      for (const concurrency of CONCURRENCIES) {
        for (const { name, reads, keys } of opened) {
          const figures = await measureHits(reads, keys, hits, concurrency);
          if (round > 0) measured.push({ contender: name, ...figures });
        }
      }
      say(round === 0 ? '  warm' : `  round ${round} of ${rounds}`);
    }
    say(`\n${formatHits(contenders, measured)}\n`);
    for (const line of judgeHits(contenders, measured)) say(line);
    if (quick) say('\n--quick: the figures mean little');
    if (jsonFile !== undefined)
      await writeFile(jsonFile, `${JSON.stringify({ machine, rounds: measured }, undefined, 2)}\n`);
  } finally {
    await Promise.all(opened.map(({ reads }) => reads.close()));
    await redis.destroy();
  }
}

/** A small row, about 120 bytes as JSON. */
function row(id: number): unknown {
  return {
    id,
    name: `Product number ${id}`,
    price: 1999 + id,
    tags: ['new', 'sale'],
    updated: '2026-01-31T12:00:00.000Z',
  };
}
