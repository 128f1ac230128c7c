import { setTimeout as sleep } from 'node:timers/promises';
import { startDaemon } from './daemon-process.ts';
import { drained } from './load.ts';
import { startMixedLoad } from './mixed-load.ts';
import type { MixedLoad } from './mixed-load.ts';
import type { Shop } from './shop.ts';

export interface KillRun {
  readonly committed: number;
  readonly counts: MixedLoad['counts'];
  /** Keys that are still cached after everything was worked off: lost deletes. */
  readonly lost: readonly string[];
  readonly removedWrongly: readonly string[];
}

/**
 * Kills and restarts a daemon under a load of all kinds of changes, at random moments: while it starts, reads,
 * deletes and stores.
 */
export async function killAtRandom(
  shop: Shop,
  options: { readonly resumeBy: 'file' | 'gtid'; readonly kills: number },
): Promise<KillRun> {
  const config = shop.config({ source: { resume_by: options.resumeBy } });
  let daemon = await startDaemon(config);
  await daemon.ready();
  const load = startMixedLoad(shop);
  try {
    for (let kill = 0; kill < options.kills; kill += 1) {
      // The moment has to be random, so it cannot be an event.
      await sleep(Math.random() * 300);
      await daemon.kill();
      await load.more(20);
      daemon = await startDaemon(config);
      if (kill % 3 !== 0) await daemon.ready();
    }
    await daemon.ready();
  } finally {
    await load.stop();
  }
  await drained(shop, daemon, 60_000);
  const lost = await load.lost();
  const removedWrongly = await load.removedWrongly();
  await daemon.stop();
  return { committed: load.committed, counts: load.counts, lost, removedWrongly };
}
