import { describe, expect, inject, it } from 'vitest';
import { killAtRandom } from '../support/kill-at-random.ts';
import { openShop } from '../support/shop.ts';

describe.each(inject('servers').mysql)('a long kill run on $label', (server) => {
  it.each(['file', 'gtid'] as const)(
    'loses no delete over 100 SIGKILLs under load, resumed by %s',
    async (resumeBy) => {
      const shop = await openShop(server, inject('servers').redis.url);
      try {
        const { committed, left } = await killAtRandom(shop, { resumeBy, kills: 100 });
        console.log(`${server.label}, ${resumeBy}: 100 kills, ${committed} rows, ${left.length} lost`);
        expect(left).toEqual([]);
      } finally {
        await shop.close();
      }
    },
  );
});
