// One process of a stampede: `node stampede-process.ts PORT KEY COUNTER CALLERS`. Says `ready`, starts at the first
// line that it gets, and writes how its callers fared as JSON.
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { Redis } from 'ioredis';

import { createReader, fromIoredis } from '../../src/reader/index.ts';

const [port = '', key = '', counter = '', callers = ''] = process.argv.slice(2);

/** What a process writes when all its callers have their value. */
export interface StampedeReport {
  readonly values: readonly unknown[];
  readonly loads: number;
}

const client = new Redis({ port: Number(port), host: '127.0.0.1' });
await once(client, 'ready');
const reader = createReader({
  redis: fromIoredis(client),
  source: 'primary',
  // Twenty processes start to run on two cores: what is tested is who loads, not how quickly.
  redisTimeout: '20s',
  wait: '1m',
  lease: '1m',
});

const lines = createInterface({ input: process.stdin });
console.log('ready');
await once(lines, 'line');

let loads = 0;
const load = async (): Promise<number> => {
  loads += 1;
  // All other processes miss while this one loads.
  const value = await client.incr(counter);
  await new Promise((resolve) => setTimeout(resolve, 500));
  return value;
};
const reads = Array.from({ length: Number(callers) }, () => reader.get(key, load));
const values = [...new Set(await Promise.all(reads))];
console.log(JSON.stringify({ values, loads } satisfies StampedeReport));
lines.close();
reader.close();
client.disconnect();
