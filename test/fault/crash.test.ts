import { setTimeout as sleep } from 'node:timers/promises';
import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import { leftOver, startLoad } from '../support/load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const KILLS = Number(process.env['UNSTALE_TEST_KILLS'] ?? 20);

describe.each(inject('servers').mysql)('a daemon on $label', (server) => {
  let shop: Shop;

  beforeEach(async () => {
    shop = await openShop(server, inject('servers').redis.url);
  });

  afterEach(async () => {
    await shop.close();
  });

  it.each(['file', 'gtid'] as const)(
    `loses no delete over ${KILLS} SIGKILLs at random moments under load, resumed by %s`,
    async (resumeBy) => {
      const config = shop.config({ source: { resume_by: resumeBy } });
      let daemon = await startDaemon(config);
      await daemon.ready();
      const load = startLoad(shop);
      for (let kill = 0; kill < KILLS; kill += 1) {
        // The moment has to be random, so it cannot be an event.
        await sleep(Math.random() * 300);
        await daemon.kill();
        if (kill % 5 === 4) await shop.db.query('FLUSH BINARY LOGS');
        await load.more(20);
        daemon = await startDaemon(config);
        if (kill % 3 !== 0) await daemon.ready();
      }
      await daemon.ready();
      await load.stop();
      await shop.settled();
      expect(load.committed).toBeGreaterThan(KILLS * 20);
      expect(await leftOver(shop, 1, load.committed)).toEqual([]);
      expect((await daemon.stop()).code).toBe(0);
    },
  );

  it('resumes where it was killed a moment after its first start, before anything was changed', async () => {
    const config = shop.config();
    const first = await startDaemon(config);
    await first.ready();
    await first.kill();
    await shop.cache('user:1');
    await shop.db.query('INSERT INTO users (id) VALUES (1)');
    const second = await startDaemon(config);
    await second.ready();
    await shop.settled();
    expect(await shop.cached(['user:1'])).toEqual([]);
    await second.stop();
  });

  it('stopped by SIGTERM under load loses nothing and repeats nothing after the restart', async () => {
    const config = shop.config();
    let daemon = await startDaemon(config);
    await daemon.ready();
    const load = startLoad(shop);
    for (let round = 0; round < 3; round += 1) {
      await load.more(500);
      daemon.signal('SIGTERM');
      expect(await daemon.exited).toEqual({ code: 0, signal: null });

      const rests = Array.from({ length: load.committed }, (_, index) => `user:${index + 1}`);
      const waiting = new Set(await shop.cached(rests));
      const done = rests.filter((rest) => !waiting.has(rest));
      await shop.cache(...done);
      daemon = await startDaemon(config);
      await daemon.ready();
      await shop.settled();
      const left = await shop.cached(rests);
      await shop.redis.unlink(...done.map((rest) => shop.key(rest)));
      if (left.join() !== done.join()) await load.stop();
      expect(left).toEqual(done);
    }
    await load.stop();
    await daemon.stop();
  });
});
