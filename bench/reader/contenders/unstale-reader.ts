import { Redis } from 'ioredis';

import { createReader, fromIoredis, jsonCodec, stringCodec } from '../../../src/reader/index.ts';
import type { Codec, ReaderOptions } from '../../../src/reader/index.ts';
import type { Contender } from '../contender.ts';

/** The kit with its codec for text, which leaves the reply as it is. */
export const unstaleText = contender('unstale/reader, text', 'ioredis GET', stringCodec);

/** The kit as most use it. */
export const unstaleJson = contender(
  'unstale/reader, JSON',
  'ioredis GET + JSON.parse',
  jsonCodec<unknown>(),
);

/** The kit with everything on that takes part in a hit. */
export const unstaleFull = contender(
  'unstale/reader, JSON, all on',
  'ioredis GET + JSON.parse',
  jsonCodec<unknown>(),
  {
    stale: { maxEntries: 10_000 },
    earlyRefresh: {},
    mayExist: () => true,
    observer: { hit: () => undefined, redis: () => undefined },
  },
);

function contender<V>(
  name: string,
  baseline: string,
  codec: Codec<V>,
  options: Partial<ReaderOptions> = {},
): Contender {
  const load = (): never => {
    throw new Error('a hit was a miss');
  };
  return {
    name,
    baseline,
    open: async (port) => {
      const client = new Redis({ port, host: '127.0.0.1' });
      const reader = createReader({ redis: fromIoredis(client), source: 'primary', ...options });
      return {
        store: async (key, value) => void (await client.set(key, JSON.stringify(value))),
        hit: (key) => reader.get(key, load, { codec }),
        close: async () => {
          reader.close();
          await client.quit();
        },
      };
    },
  };
}
