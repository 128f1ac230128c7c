import { setTimeout as sleep } from 'node:timers/promises';
import { startDaemon } from './daemon-process.ts';
import { leftOver, startLoad } from './load.ts';
import type { Shop } from './shop.ts';

export interface KillRun {
  readonly committed: number;
  /** Rows whose key is still cached after everything was worked off: lost deletes. */
  readonly left: readonly number[];
}

/**
 * Kills and restarts a daemon under load, at random moments: while it starts, reads, deletes and stores. Every
 * fifth time the binlog rotates as well.
 */
export async function killAtRandom(
  shop: Shop,
  options: { readonly resumeBy: 'file' | 'gtid'; readonly kills: number },
): Promise<KillRun> {
  const config = shop.config({ source: { resume_by: options.resumeBy } });
  let daemon = await startDaemon(config);
  await daemon.ready();
  const load = startLoad(shop);
  try {
    for (let kill = 0; kill < options.kills; kill += 1) {
      // The moment has to be random, so it cannot be an event.
      await sleep(Math.random() * 300);
      await daemon.kill();
      if (kill % 5 === 4) await shop.db.query('FLUSH BINARY LOGS');
      await load.more(20);
      daemon = await startDaemon(config);
      if (kill % 3 !== 0) await daemon.ready();
    }
    await daemon.ready();
  } finally {
    await load.stop();
  }
  await shop.settled(60_000);
  const left = await leftOver(shop, 1, load.committed);
  await daemon.stop();
  return { committed: load.committed, left };
}
