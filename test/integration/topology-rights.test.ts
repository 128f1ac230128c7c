import type { Cluster, Redis } from 'ioredis';
import { afterAll, afterEach, beforeAll, describe, expect, inject, test } from 'vitest';
import { stringify } from 'yaml';

import { shortPatience, startRedisCluster } from '../../scripts/servers/redis-cluster.ts';
import { startRedisSentinels } from '../../scripts/servers/redis-sentinel.ts';
import type { RedisServer } from '../../scripts/servers/redis-server.ts';
import { openRedis } from '../../src/connections.ts';
import type { UnstaleError } from '../../src/errors/unstale-error.ts';
import { redisProblem } from '../../src/preconditions.ts';
import { appliedKey } from '../../src/protocol/applied.ts';
import { hasLocalRedis } from '../support/local-redis.ts';
import { loadText } from '../support/config-text.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { documentedRights } from '../support/documented-rights.ts';
import { eventually } from '../support/eventually.ts';
import { clusterClient } from '../support/redis-cluster-sink.ts';
import { recordingLog } from '../support/redis-sink.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const { mysql, redis } = inject('servers');
const [server] = mysql;

/** Redis of several servers, and users of them. */
interface Place {
  /** The section `redis`, without the user. */
  readonly config: object;
  /** Each has users of its own. */
  readonly servers: readonly RedisServer[];
  readonly sentinels: readonly RedisServer[];
  /** Of the servers, besides those for what is done to keys. */
  readonly rights: readonly string[];
  /** Finds the keys where they are now. */
  readonly client: Redis | Cluster;
  /** Lets a replica take over. */
  failover(): Promise<void>;
  destroy(): Promise<void>;
}

const PLACES: Readonly<Record<string, () => Promise<Place>>> = {
  'a cluster': async () => {
    const cluster = await startRedisCluster({ replicas: true });
    const standby = [...cluster.replicas];
    return {
      config: { cluster: cluster.addresses },
      servers: [...cluster.masters, ...cluster.replicas],
      sentinels: [],
      rights: documentedRights('`redis.cluster`'),
      client: clusterClient(cluster),
      failover: () => cluster.failover(standby.pop()!),
      destroy: () => cluster.destroy(),
    };
  },
  sentinels: async () => {
    const started = await startRedisSentinels();
    const { name, sentinels, servers, addresses } = started;
    let client = shortPatience(await started.master());
    const user = { username: 'watcher', password: 'watching' };
    return {
      config: { sentinel: { name, nodes: addresses, ...user } },
      servers,
      sentinels,
      rights: [],
      get client() {
        return client;
      },
      async failover() {
        client.disconnect();
        client = shortPatience(await started.failover());
      },
      destroy: () => started.destroy(),
    };
  },
};

const SENTINEL_RIGHTS = ['&+switch-master', ...documentedRights('`redis.sentinel`')];
const KEY_RIGHTS = [
  'every daemon',
  '[`guard: version`]',
  '[`action: update`]',
  '[`keys_from_set`]',
  '[`generation`]',
  '[`redis.applied_interval`]',
  '[`publish.channel`]',
  '[`publish.stream`]',
  '`redis.wait_replicas`',
].flatMap(documentedRights);

describe.skipIf(!hasLocalRedis || server === undefined).each(Object.entries(PLACES))(
  'a Redis user on %s with the rights that docs/operations.md lists',
  (_, start) => {
    let shop: Shop;
    let place: Place;
    let rights: readonly string[];
    let daemon: DaemonProcess | undefined;
    let lastId = 0;

    beforeAll(async () => {
      [shop, place] = await Promise.all([openShop(server!, redis.url), start()]);
      rights = [...new Set([...KEY_RIGHTS, ...place.rights])];
    });
    afterEach(async () => {
      await daemon?.stop();
      daemon = undefined;
    });
    afterAll(async () => {
      place?.client.disconnect();
      await Promise.all([shop?.close(), place?.destroy()]);
    });

    const setUser = async (servers: readonly RedisServer[], name: string, rules: readonly string[]) => {
      for (const one of servers) {
        const client = shortPatience(one);
        await client.call('ACL', 'SETUSER', name, 'reset', 'on', ...rules);
        client.disconnect();
      }
    };
    /** Gives the users these rights alone, at once also to who is connected. */
    const permit = async (commands: readonly string[], onSentinels = SENTINEL_RIGHTS): Promise<void> => {
      const places = [`~${shop.key('')}*`, '~unstale:*', '&removed'];
      await setUser(place.servers, 'narrow', ['>secret', ...places, ...commands]);
      await setUser(place.sentinels, 'watcher', ['>watching', ...onSentinels]);
    };
    /** Uses every right. */
    const configOf = (name: string): Record<string, unknown> => {
      const { key } = shop;
      const table = `${shop.db.name}.users`;
      const version = { column: 'id' };
      const value = { format: 'hash', columns: ['id'] };
      return shop.config({
        redis: {
          url: undefined,
          ...place.config,
          username: 'narrow',
          password: 'secret',
          wait_replicas: 1,
          applied_interval: '50ms',
        },
        rest: {
          client_id: `${shop.db.name}-${name}`,
          publish: { channel: 'removed', stream: key('log') },
          rules: [
            { table, key: key('lease:{id}') },
            { table, key: key('none:{id}'), guard: 'none' },
            { table, key: key('version:{id}'), guard: 'version', version },
            { table, key: key('stored:{id}'), action: 'update', version, value, ttl: '1m', create: true },
            { table, keys_from_set: key('deps:{id}') },
            { table, generation: key('gen') },
          ],
        },
      });
    };
    const problemOf = async (): Promise<UnstaleError | undefined> => {
      const config = await loadText(stringify(configOf('asked')));
      const connection = openRedis(config, recordingLog().log);
      try {
        return await redisProblem(config, connection, recordingLog().log);
      } finally {
        await connection.close();
      }
    };
    const countOf = async (keys: readonly string[]): Promise<number> => {
      const found = await Promise.all(keys.map(async (key) => place.client.exists(shop.key(key))));
      return found.filter((one) => one > 0).length;
    };
    /** Sentinels let an old master be for some ten seconds, and until it is a replica none has the batch. */
    const inTime = async (what: string, happens: () => Promise<boolean>): Promise<void> => {
      await eventually(what, happens, (itDoes) => itDoes, { timeoutMs: 30_000 }).catch((error: unknown) => {
        throw new Error(`${String(error)}\n${daemon?.output()}`);
      });
    };
    /** Resolves when a row was worked off, and then all rows of its table. */
    const everythingHappens = async (): Promise<void> => {
      const { client } = place;
      lastId += 1;
      const removed = [`lease:${lastId}`, `none:${lastId}`, `version:${lastId}`, `page:${lastId}`];
      for (const key of [...removed, `lease:0`]) await client.set(shop.key(key), 'cached');
      await client.sadd(shop.key(`deps:${lastId}`), shop.key(`page:${lastId}`));
      const generation = Number((await client.get(shop.key('gen'))) ?? 0);
      await shop.db.query(`INSERT INTO users (id) VALUES (${lastId})`);
      await inTime('the keys are gone', async () => (await countOf([...removed, `deps:${lastId}`])) === 0);
      await inTime('the value is stored', async () => (await countOf([`stored:${lastId}`])) === 1);
      await inTime(
        'the generation is another',
        async () => Number(await client.get(shop.key('gen'))) > generation,
      );
      // Of an attempt that was not the last one, the message may be on the master that was replaced.
      await inTime('it is told', async () =>
        JSON.stringify(await client.xrange(shop.key('log'), '-', '+')).includes(`lease:${lastId}`),
      );
      await shop.db.query(`ALTER TABLE users ADD COLUMN more${lastId} INT`);
      await inTime('all keys are gone', async () => (await countOf(['lease:0'])) === 0);
    };

    const scopes = async (): Promise<number> =>
      (await daemon!.metrics()).sum('unstale_scope_invalidations_total');
    /** Until the repetition is through it stores nothing: what a change wrote may have been written over since. */
    const replayIsOver = async (scopesBefore: number): Promise<void> => {
      await inTime('the removal of all keys is repeated', async () => (await scopes()) > scopesBefore);
      lastId += 1;
      await place.client.set(shop.key(`lease:${lastId}`), 'cached');
      await shop.db.query(`INSERT INTO users (id) VALUES (${lastId})`);
      await inTime('the row is worked off', async () => (await countOf([`lease:${lastId}`])) === 0);
    };

    test('can do all that a daemon does, also after a failover, whose lost deletes are sent again', async () => {
      await permit(rights);
      daemon = await startDaemon(configOf('all'));
      await daemon.ready();
      await everythingHappens();
      const applied = appliedKey(`${shop.db.name}-all`);
      await eventually('the marker is there', async () => (await place.client.exists(applied)) === 1);
      const before = await scopes();
      await place.failover();
      await daemon.logged(
        'the replay',
        ({ msg }) => msg === 'applying changes again that Redis may have lost',
      );
      await replayIsOver(before);
      await everythingHappens();
      expect((await daemon.stop()).code).toBe(0);
    });

    test('is told at the start of each one that is missing', async () => {
      // Without the first a failover is not seen, which is warned of; the second is only asked for an answer, whichever.
      const optional = ['+info', ...(place.sentinels.length > 0 ? ['+ping'] : [])];
      await permit(rights);
      expect(await problemOf()).toBeUndefined();
      for (const missing of rights.filter((right) => !optional.includes(right))) {
        await permit(rights.filter((right) => right !== missing));
        const problem = await problemOf();
        expect(problem?.code, missing).toBe('UNSTALE_REDIS_PERMISSION');
        expect(problem?.message).toContain(missing.slice(1));
      }
      await permit(rights.filter((right) => right !== '+hdel' && right !== '+xadd'));
      expect((await problemOf())?.message).toMatch(/lacks the rights \+hdel \+xadd$/);
    });

    test('is told at the start of a server or a sentinel that permits less than the others', async () => {
      await permit(rights);
      const one = place.sentinels[1] ?? place.servers[1]!;
      const [user, rules] = place.sentinels.includes(one)
        ? ['watcher', ['>watching', '+sentinel', '+subscribe']]
        : ['narrow', ['>secret', '~*', '&*', ...rights, '-incr']];
      await setUser([one], user, rules);
      const problem = await problemOf();
      expect(problem?.code).toBe('UNSTALE_REDIS_PERMISSION');
      expect(problem?.message).toMatch(
        new RegExp(`${one.port}.*lacks the rights (?:&\\+switch-master|\\+incr)$`),
      );
    });

    test('is warned at the start when it may not use INFO, and everything else happens', async () => {
      await permit(rights.filter((right) => right !== '+info'));
      daemon = await startDaemon(configOf('blind'));
      await daemon.ready();
      await daemon.logged('the warning', ({ msg }) => String(msg).includes('(INFO)'));
      await everythingHappens();
      await place.failover();
      await everythingHappens();
      expect((await daemon.metrics()).sum('unstale_failover_replays_total')).toBe(0);
    });
  },
);
