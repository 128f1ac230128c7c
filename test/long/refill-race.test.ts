import { describe, expect, inject, it } from 'vitest';
import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import { redisBehindSentinels } from '../support/race-redis.ts';
import { describeRace, runRefillRace } from '../support/refill-race.ts';
import type { RaceOptions, RaceResult } from '../support/refill-race.ts';

const SECONDS = Number(process.env['UNSTALE_RACE_SECONDS'] ?? 60);

describe.each(inject('servers').mysql)('a refill race on $label', (server) => {
  const race = async (readers: RaceOptions['readers']): Promise<RaceResult> => {
    const redis = await startRedisSentinels();
    try {
      const result = await runRefillRace({
        server,
        redis: redisBehindSentinels(redis),
        readers,
        seconds: SECONDS,
        kills: [0.2, 0.8],
        failover: 0.4,
      });
      console.log(`${server.label}, ${readers}, ${SECONDS} s: ${describeRace(result)}`);
      return result;
    } finally {
      await redis.destroy();
    }
  };

  it(`of ${SECONDS} s with kills and a failover that loses deletes: the kit leaves no stale key`, async () => {
    const { stale, replays, failovers, revived, reads } = await race('kit');
    expect(stale).toEqual([]);
    expect(replays).toBeGreaterThanOrEqual(failovers);
    // There was something to repair that no later write repaired.
    expect(revived).toBeGreaterThan(0);
    // The race was run: deletes overtook refills.
    expect(reads.get('fill voided')).toBeGreaterThan(0);
  });

  it('leaves stale keys behind with plain cache-aside, which is what the kit is for', async () => {
    const { stale } = await race('cache-aside');
    expect(stale.length).toBeGreaterThan(0);
  });
});
