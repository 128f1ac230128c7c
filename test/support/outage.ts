import { expect } from 'vitest';
import type { DaemonProcess } from './daemon-process.ts';
import { eventually } from './eventually.ts';
import { drained, leftOver, startLoad } from './load.ts';
import type { Shop } from './shop.ts';
import type { TcpProxy } from './tcp-proxy.ts';

const MiB = 1024 * 1024;

export async function binlogConnects(daemon: DaemonProcess): Promise<number> {
  return (await daemon.metrics()).sum('unstale_binlog_connects_total');
}

export async function isReady(daemon: DaemonProcess): Promise<boolean> {
  return (await daemon.request('/readyz')).status === 200;
}

export interface Outage {
  readonly shop: Shop;
  /** The daemon's way to Redis; Redis itself stays up, so that the keys of new rows can be cached. */
  readonly proxy: TcpProxy;
  readonly daemon: DaemonProcess;
  readonly seconds: number;
}

/** Takes Redis away from a daemon under load: nothing is lost, memory stays flat, the binlog is not disconnected. */
export async function outlastOutage({ shop, proxy, daemon, seconds }: Outage): Promise<void> {
  await daemon.ready();
  const load = startLoad(shop, { writers: 4, rows: 5 });
  await load.more(5000);
  const rssBefore = await daemon.rss();
  const committedBefore = load.committed;

  proxy.refuse();
  let peak = 0;
  const end = performance.now() + seconds * 1000;
  while (performance.now() < end) {
    await load.more(1000);
    peak = Math.max(peak, await daemon.rss());
  }
  const during = load.committed - committedBefore;
  expect(await isReady(daemon)).toBe(false);
  proxy.thaw();
  await load.stop();
  await eventually('the daemon is ready again', () => isReady(daemon), Boolean, { timeoutMs: 90_000 });
  await drained(shop, daemon, 90_000);

  expect(await leftOver(shop, 1, load.committed)).toEqual([]);
  expect(await binlogConnects(daemon)).toBe(1);
  expect((await daemon.metrics()).sum('unstale_paused_seconds_total')).toBeGreaterThan(seconds / 2);
  console.log(
    `${during} rows during ${seconds} s without Redis, RSS ${Math.round(rssBefore / MiB)} -> at most ${Math.round(peak / MiB)} MiB`,
  );
  expect(peak - rssBefore).toBeLessThan(50 * MiB);
}
