import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import { drained, leftOver, startLoad } from '../support/load.ts';
import { startRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

const MINUTES = Number(process.env['UNSTALE_SOAK_MINUTES'] ?? 5);
const MiB = 1024 * 1024;

async function descriptors(pid: number): Promise<number> {
  return (await readdir(`/proc/${pid}/fd`)).length;
}

describe.each(inject('servers').mysql)('a soak on $label', (server) => {
  it(`of ${MINUTES} minutes with Redis outages, rotations and DDL: nothing lost, memory and descriptors flat`, async () => {
    const redis = await startRedisServer();
    const proxy = await startTcpProxy({ port: redis.port });
    const shop = await openShop(server, redis.url, { inFlight: 2 });
    const daemon = await startDaemon(shop.config({ redis: { url: `redis://127.0.0.1:${proxy.port}` } }));
    try {
      await daemon.ready();
      const load = startLoad(shop, { writers: 2, rows: 2 });
      const readings: { readonly rss: number; readonly open: number }[] = [];
      const end = performance.now() + MINUTES * 60_000;
      for (let round = 0; performance.now() < end; round += 1) {
        // Disturbances come on the clock, not on an event.
        await sleep(5000);
        if (round % 4 === 1) {
          proxy.refuse();
          await sleep(2000);
          proxy.thaw();
        }
        if (round % 4 === 2) await shop.db.query('FLUSH BINARY LOGS');
        if (round % 4 === 3) await shop.db.query(`ALTER TABLE unmapped ADD COLUMN c${round} INT`);
        readings.push({ rss: await daemon.rss(), open: await descriptors(daemon.pid) });
      }
      await load.stop();
      await drained(shop, daemon, 120_000);
      const half = Math.ceil(readings.length / 2);
      const peak = (part: typeof readings): number => Math.max(...part.map((reading) => reading.rss));
      const [first, second] = [readings.slice(0, half), readings.slice(half)];
      console.log(
        `${server.label}: ${load.committed} rows; RSS at most ${Math.round(peak(first) / MiB)} MiB in the first half, ` +
          `${Math.round(peak(second) / MiB)} MiB in the second; descriptors ${readings[0]?.open} -> ${readings.at(-1)?.open}`,
      );
      expect(await leftOver(shop, 1, load.committed)).toEqual([]);
      expect(peak(second)).toBeLessThan(peak(first) + 15 * MiB);
      expect(readings.at(-1)?.open).toBeLessThanOrEqual((readings[0]?.open ?? 0) + 3);
      expect((await daemon.stop()).code).toBe(0);
    } finally {
      await daemon.kill();
      await shop.close();
      await proxy.close();
      await redis.destroy();
    }
  });
});
