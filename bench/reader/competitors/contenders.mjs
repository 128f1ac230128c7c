// Other caches, each as its guide says for values that live in Redis alone, with a lifetime of ten minutes. Plain
// JavaScript: their packages are installed beside this file, with the versions of the clients that they ask for.
import KeyvRedis from '@keyv/redis';
import { createCache as createDedupe } from 'async-cache-dedupe';
import { BentoCache, bentostore } from 'bentocache';
import { redisDriver } from 'bentocache/drivers/redis';
import { createCache as createManager } from 'cache-manager';
import { Redis } from 'ioredis';
import { Keyv } from 'keyv';

const SECONDS = 600;
const baseline = 'ioredis GET + JSON.parse';

/** Gives the value when it is stored, and refuses every later load: a hit must not be a miss. */
function loaderOf() {
  let pending;
  return {
    load() {
      if (pending === undefined) throw new Error('a hit was a miss');
      return pending;
    },
    async storing(value, get) {
      pending = value;
      try {
        await get();
      } finally {
        pending = undefined;
      }
    },
  };
}

const dedupe = {
  name: 'async-cache-dedupe',
  baseline,
  async open(port) {
    const client = new Redis({ port, host: '127.0.0.1' });
    const loader = loaderOf();
    const cache = createDedupe({ ttl: SECONDS, storage: { type: 'redis', options: { client } } });
    cache.define('read', async () => loader.load());
    return {
      store: (key, value) => loader.storing(value, () => cache.read(key)),
      hit: (key) => cache.read(key),
      close: () => client.quit(),
    };
  },
};

const bento = {
  name: 'bentocache',
  baseline,
  async open(port) {
    const connection = new Redis({ port, host: '127.0.0.1' });
    const loader = loaderOf();
    const cache = new BentoCache({
      default: 'redis',
      stores: { redis: bentostore().useL2Layer(redisDriver({ connection })) },
    });
    const get = (key) => cache.getOrSet({ key, ttl: `${SECONDS}s`, factory: async () => loader.load() });
    return {
      store: (key, value) => loader.storing(value, () => get(key)),
      hit: get,
      close: () => cache.disconnectAll(),
    };
  },
};

const manager = {
  name: 'cache-manager',
  baseline,
  async open(port) {
    const store = new KeyvRedis(`redis://127.0.0.1:${port}`);
    const loader = loaderOf();
    const cache = createManager({ stores: [new Keyv({ store })] });
    const get = (key) => cache.wrap(key, async () => loader.load(), SECONDS * 1000);
    return {
      store: (key, value) => loader.storing(value, () => get(key)),
      hit: get,
      close: () => cache.disconnect(),
    };
  },
};

export const COMPETITORS = [dedupe, bento, manager];
