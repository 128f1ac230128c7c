import { Redis } from 'ioredis';

import type { Contender } from '../contender.ts';

/** What an application without a library does: GET and JSON.parse. */
export const parsedGet: Contender = {
  name: 'ioredis GET + JSON.parse',
  baseline: 'ioredis GET',
  open: async (port) => {
    const client = new Redis({ port, host: '127.0.0.1' });
    return {
      store: async (key, value) => void (await client.set(key, JSON.stringify(value))),
      hit: async (key) => {
        const text = await client.get(key);
        if (text === null) throw new Error(`${key} is not there`);
        return JSON.parse(text) as unknown;
      },
      close: async () => void (await client.quit()),
    };
  },
};
