import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { singleRedis } from '../support/race-redis.ts';
import { describeRace, runRefillRace } from '../support/refill-race.ts';
import type { RaceOptions, RaceResult } from '../support/refill-race.ts';

const SECONDS = 8;

/** The short form of test/long/refill-race.test.ts. */
describe('readers that refill 200 hot rows while these change and the daemon is killed', () => {
  let redis: TestRedisServer;

  beforeAll(async () => {
    redis = await startRedisServer();
  });
  afterAll(async () => redis?.destroy());

  const race = async (readers: RaceOptions['readers']): Promise<RaceResult> => {
    const [server] = inject('servers').mysql;
    const options = { redis: singleRedis(redis.url), readers, seconds: SECONDS, kills: [0.5] };
    const result = await runRefillRace({ ...options, server: server! });
    console.log(`${server!.label}, ${readers}, ${SECONDS} s: ${describeRace(result)}`);
    return result;
  };

  it('leave no stale key with the kit', async () => {
    const { stale, reads } = await race('kit');
    expect(stale).toEqual([]);
    // The race was run: deletes overtook refills.
    expect(reads.get('fill voided')).toBeGreaterThan(0);
  });

  it('leave stale keys with plain cache-aside', async () => {
    expect((await race('cache-aside')).stale.length).toBeGreaterThan(0);
  });
});
