import { readdir } from 'node:fs/promises';
import { setTimeout as sleep } from 'node:timers/promises';
import { describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { drained, leftOver } from '../support/load.ts';
import { startPacedLoad } from '../support/paced-load.ts';
import { startRedisServer } from '../support/provider.ts';
import { reconfigure, reload } from '../support/reconfigure.ts';
import { openShop } from '../support/shop.ts';

const MINUTES = Number(process.env['UNSTALE_SOAK_MINUTES'] ?? 10);
const PER_SECOND = 2000;
const MiB = 1024 * 1024;
/** Longer than a paused leader keeps its lock. */
const PAUSED_LEADER = 9000;

interface Reading {
  readonly rss: number;
  readonly descriptors: number;
}

async function read(daemon: DaemonProcess): Promise<Reading> {
  const descriptors = (await readdir(`/proc/${daemon.pid}/fd`)).length;
  return { rss: await daemon.rss(), descriptors };
}

async function leads(daemon: DaemonProcess): Promise<boolean> {
  return (await daemon.metrics()).sum('unstale_leader') === 1;
}

/** Resolves with the one that leads, and the others. */
async function leaderOf(
  daemons: readonly DaemonProcess[],
): Promise<{ readonly leader: DaemonProcess; readonly others: readonly DaemonProcess[] }> {
  const states = await eventually(
    'one daemon leads',
    () => Promise.all(daemons.map((daemon) => leads(daemon).catch(() => false))),
    (states) => states.filter(Boolean).length === 1,
    { timeoutMs: 30_000 },
  );
  const leader = daemons[states.indexOf(true)];
  if (leader === undefined) throw new Error('none leads');
  return { leader, others: daemons.filter((daemon) => daemon !== leader) };
}

describe.each(inject('servers').mysql)('two daemons on $label', (server) => {
  it(`for ${MINUTES} minutes of ${PER_SECOND} transactions a second with reloads, rotations, restarts of Redis and changes of the leader: nothing lost, memory and descriptors flat`, async () => {
    const redis = await startRedisServer({ args: ['--appendonly', 'yes'] });
    const shop = await openShop(server, redis.url, { inFlight: 2 });
    const config = shop.config({ redis: { failover_replay: '15s' } });
    const daemons = [await startDaemon(config), await startDaemon(config)];
    const happened = { reloads: 0, rotations: 0, 'restarts of Redis': 0, 'changes of the leader': 0 };
    const takeovers: number[] = [];
    const steps = [
      async () => {
        const outcomes = await Promise.all(
          daemons.map(async (daemon) => {
            const limit = { max_deletes_per_second: 500_000 + happened.reloads };
            await reconfigure(daemon, limit);
            return (await reload(daemon)).body;
          }),
        );
        for (const outcome of outcomes) {
          expect(['applied', 'pending'], JSON.stringify(outcome)).toContain(outcome['result']);
        }
        happened.reloads += 1;
      },
      async () => {
        await shop.db.query('FLUSH BINARY LOGS');
        happened.rotations += 1;
      },
      async () => {
        await redis.stop();
        await redis.start();
        happened['restarts of Redis'] += 1;
      },
      async () => {
        const { leader, others } = await leaderOf(daemons);
        const startedAt = performance.now();
        leader.signal('SIGSTOP');
        await leaderOf(others);
        takeovers.push(Math.round(performance.now() - startedAt));
        await sleep(Math.max(0, PAUSED_LEADER - (performance.now() - startedAt)));
        leader.signal('SIGCONT');
        happened['changes of the leader'] += 1;
      },
    ];
    try {
      await Promise.all(daemons.map((daemon) => daemon.ready()));
      const load = await startPacedLoad(shop, PER_SECOND);
      const readings = daemons.map((): Reading[] => []);
      const end = performance.now() + MINUTES * 60_000;
      for (let round = 0; performance.now() < end; round += 1) {
        // Disturbances come on the clock, not on an event.
        await sleep(6000);
        await steps[round % steps.length]?.();
        for (const [index, daemon] of daemons.entries()) readings[index]?.push(await read(daemon));
      }
      const rate = await load.stop();
      const { leader } = await leaderOf(daemons);
      await drained(shop, leader, 120_000);
      const figures = readings.map((all) => {
        // The first tenth is warming up.
        const warm = all.slice(Math.ceil(all.length / 10));
        const half = Math.ceil(warm.length / 2);
        const peak = (part: readonly Reading[], of: keyof Reading): number =>
          Math.max(...part.map((reading) => reading[of]));
        const [first, second] = [warm.slice(0, half), warm.slice(half)];
        return {
          rss: [peak(first, 'rss'), peak(second, 'rss')] as const,
          descriptors: [peak(first, 'descriptors'), peak(second, 'descriptors')] as const,
        };
      });
      const left = await leftOver(shop, 1, load.committed);
      console.log(
        `${server.label}: ${load.committed} transactions, ${Math.round(rate)} a second, ${JSON.stringify(happened)}; ` +
          `takeovers ${takeovers.join(', ')} ms; ` +
          `peak RSS of the halves ${figures.map(({ rss }) => rss.map((bytes) => Math.round(bytes / MiB)).join(' -> ')).join(' and ')} MiB; ` +
          `descriptors ${figures.map(({ descriptors }) => descriptors.join(' -> ')).join(' and ')}; ${left.length} lost`,
      );
      expect(left).toEqual([]);
      for (const { rss, descriptors } of figures) {
        expect(rss[1]).toBeLessThan(rss[0] + 15 * MiB);
        expect(descriptors[1]).toBeLessThanOrEqual(descriptors[0] + 3);
      }
      expect(Math.max(...takeovers)).toBeLessThan(10_000);
      for (const daemon of daemons) expect((await daemon.stop()).code).toBe(0);
    } finally {
      for (const daemon of daemons) {
        daemon.signal('SIGCONT');
        await daemon.kill();
      }
      await shop.close();
      await redis.destroy();
    }
  });
});
