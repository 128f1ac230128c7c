import { Redis } from 'ioredis';

import type { Contender } from '../contender.ts';

/** What nobody can be quicker than on ioredis: GET, and nothing done with the reply. */
export const bareGet: Contender = {
  name: 'ioredis GET',
  open: async (port) => {
    const client = new Redis({ port, host: '127.0.0.1' });
    return {
      store: async (key, value) => void (await client.set(key, JSON.stringify(value))),
      hit: (key) => client.get(key),
      close: async () => void (await client.quit()),
    };
  },
};
