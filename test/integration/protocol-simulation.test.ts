import { Redis } from 'ioredis';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { loadScripts } from '../support/protocol-client.ts';
import { simulate } from '../support/protocol-simulation.ts';
import type { SimulationMode } from '../support/protocol-simulation.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';

const SCHEDULES = 150;

/** Each with the accidents over which the model says that it converges. */
const modes: Readonly<Record<string, SimulationMode>> = {
  'leases and reads of the primary': { evictions: true, lateCommands: true },
  'leases that refresh early': { refresh: true, evictions: true, lateCommands: true },
  'versions and reads of replicas': { versions: true, replicaReads: true, evictions: true },
  'versions and reads of replicas beside late commands': {
    versions: true,
    replicaReads: true,
    lateCommands: true,
  },
  'a hold and replicas that have caught up, evictions': { hold: true, replicaReads: true, evictions: true },
  'a hold and replicas that have caught up, late commands': {
    hold: true,
    replicaReads: true,
    lateCommands: true,
  },
  'updates of what is there': { update: 'existing', versions: true, evictions: true, lateCommands: true },
  'updates of what is there, and reads of replicas': {
    update: 'existing',
    versions: true,
    replicaReads: true,
    evictions: true,
  },
  'updates that create keys': { update: 'create', versions: true, replicaReads: true, evictions: true },
  'updates that create keys beside late commands': {
    update: 'create',
    versions: true,
    replicaReads: true,
    refresh: true,
    lateCommands: true,
  },
};

describe('at the end of random schedules on a real Redis', () => {
  let server: TestRedisServer;
  let redis: Redis;

  beforeAll(async () => {
    server = await startRedisServer();
    redis = new Redis(server.url, { db: 1 });
    await loadScripts(redis);
  });
  afterAll(async () => {
    redis?.disconnect();
    await server?.destroy();
  });

  it.each(Object.entries(modes))('no key is stale with %s', async (_name, mode) => {
    const first = Math.trunc(Math.random() * 2 ** 30);
    let stored = 0;
    for (let seed = first; seed < first + SCHEDULES; seed += 1) {
      const { stale, steps } = await simulate(redis, mode, seed);
      expect(stale, `seed ${seed}, ${JSON.stringify(mode)}:\n${steps.join('\n')}`).toEqual([]);
      stored += steps.filter((step) => step.endsWith(': stored')).length;
    }
    // Schedules in which nothing is ever cached would say nothing.
    expect(stored).toBeGreaterThan(SCHEDULES / 4);
  });

  it('a plain cache-aside reader leaves keys stale', async () => {
    let stale = 0;
    for (let seed = 1; seed <= SCHEDULES; seed += 1)
      stale += (await simulate(redis, { plain: true, evictions: true }, seed)).stale.length;
    console.log(`${stale} stale keys after ${SCHEDULES} schedules of plain readers`);
    expect(stale).toBeGreaterThan(0);
  });
});
