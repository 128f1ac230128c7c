import { describe, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import { outlastOutage } from '../support/outage.ts';
import { startRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import { startTcpProxy } from '../support/tcp-proxy.ts';

/** More than a minute, after which servers end a dump that nobody reads, unless they are told to wait. */
const SECONDS = 75;

describe.each(inject('servers').mysql)('Redis fails, the source is $label', (server) => {
  it(`gone for ${SECONDS} s under load: nothing is lost, memory stays flat, the binlog is not disconnected`, async () => {
    const redis = await startRedisServer();
    const proxy = await startTcpProxy({ port: redis.port });
    const shop = await openShop(server, redis.url, { inFlight: 2 });
    const daemon = await startDaemon(shop.config({ redis: { url: `redis://127.0.0.1:${proxy.port}` } }));
    try {
      await outlastOutage({ shop, proxy, daemon, seconds: SECONDS });
    } finally {
      await daemon.kill();
      await proxy.close();
      await shop.close();
      await redis.destroy();
    }
  });
});
