import { describe, expect, inject, it } from 'vitest';
import { startRedisServer } from '../support/provider.ts';
import { killAtRandom } from '../support/kill-at-random.ts';
import { openShop } from '../support/shop.ts';

describe.each(inject('servers').mysql)('a long kill run on $label', (server) => {
  it.each(['file', 'gtid'] as const)(
    'loses no delete of inserts, updates, deletes, XA and DDL over 40 SIGKILLs, resumed by %s',
    async (resumeBy) => {
      // What earlier runs have left would be looked through for each TRUNCATE, and no daemon would keep up with the load.
      const redis = await startRedisServer();
      const shop = await openShop(server, redis.url, { inFlight: 2 });
      try {
        const { committed, counts, lost, removedWrongly } = await killAtRandom(shop, { resumeBy, kills: 40 });
        console.log(
          `${server.label}, ${resumeBy}: 40 kills, ${committed} changes ${JSON.stringify(counts)}, ${lost.length} lost`,
        );
        expect(lost).toEqual([]);
        expect(removedWrongly).toEqual([]);
      } finally {
        await shop.close();
        await redis.destroy();
      }
    },
  );
});
