import { afterEach, beforeEach, describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import { killAtRandom } from '../support/kill-at-random.ts';
import { startLoad } from '../support/load.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

describe.each(inject('servers').mysql)('a daemon on $label', (server) => {
  let shop: Shop;

  beforeEach(async () => {
    shop = await openShop(server, inject('servers').redis.url, { inFlight: 2 });
  });

  afterEach(async () => {
    await shop.close();
  });

  it.each(['file', 'gtid'] as const)(
    'loses no delete of inserts, updates, deletes, XA and DDL over 6 SIGKILLs at random moments, resumed by %s',
    async (resumeBy) => {
      const { committed, counts, lost, removedWrongly } = await killAtRandom(shop, { resumeBy, kills: 6 });
      expect(committed).toBeGreaterThan(200);
      for (const [kind, count] of Object.entries(counts)) expect(count, kind).toBeGreaterThan(0);
      expect(lost).toEqual([]);
      expect(removedWrongly).toEqual([]);
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
