import { Redis } from 'ioredis';
import { randomUUID } from 'node:crypto';

import { createReader, fromIoredis } from '../../src/reader/index.ts';
import type {
  CacheClient,
  Load,
  LoadContext,
  Reader,
  ReaderObserver,
  ReaderOptions,
} from '../../src/reader/index.ts';

/** What a reader told, as `event detail` in the order in which it happened; times are left out. */
export interface Told {
  readonly observer: ReaderObserver;
  readonly lines: string[];
  count(line: string): number;
}

export function listen(): Told {
  const lines: string[] = [];
  const say = (...words: readonly unknown[]): void => void lines.push(words.join(' '));
  return {
    lines,
    count: (line) => lines.filter((one) => one === line).length,
    observer: {
      hit: (_, absent) => say('hit', absent ? 'absent' : 'value'),
      miss: () => say('miss'),
      lease: (_, answer) => say('lease', answer),
      wait: (_, __, filled) => say('wait', filled ? 'filled' : 'over'),
      load: ({ reason, succeeded }) => say('load', reason, succeeded ? 'ok' : 'failed'),
      fill: (_, result) => say('fill', result),
      stale: (_, reason) => say('stale', reason),
      filtered: () => say('filtered'),
      bypass: () => say('bypass'),
      invalidate: (keys, removed) => say('invalidate', keys, removed),
      redis: ({ command, outcome }) => outcome !== 'ok' && say('redis', command, outcome),
      breaker: (state) => say('breaker', state),
      refreshFailed: (_, error) => say('refresh failed', error),
    },
  };
}

/** A client as an application has it; errors of its connection are the test's to cause. */
export function applicationClient(port: number): Redis {
  const client = new Redis({ port, host: '127.0.0.1', maxRetriesPerRequest: null });
  client.on('error', () => undefined);
  return client;
}

export function readerOn(
  client: Redis | CacheClient,
  options: Partial<ReaderOptions> = {},
): { reader: Reader; told: Told } {
  const told = listen();
  const reader = createReader({
    redis: 'getBytes' in client ? client : fromIoredis(client),
    source: 'primary',
    // Long enough for a busy machine; what tests time-outs sets its own.
    redisTimeout: '5s',
    wait: '20s',
    ...options,
    observer: told.observer,
  });
  return { reader, told };
}

/** A key of which no other test knows. */
export function freshKey(name = 'row'): string {
  return `reader-test:${name}:${randomUUID()}`;
}

/** A loader that ends when the test says so, each time with the next answer. */
export interface ControlledLoad<V> {
  readonly load: Load<V>;
  /** Of each call so far. */
  readonly contexts: LoadContext[];
  /** Resolves when the load was called so many times. */
  readonly called: (times: number) => Promise<void>;
  readonly finish: (value: V | null) => void;
  readonly fail: (error: Error) => void;
}

export function controlledLoad<V>(): ControlledLoad<V> {
  const contexts: LoadContext[] = [];
  const pending: PromiseWithResolvers<V | null>[] = [];
  const awaited: { readonly times: number; readonly resolve: () => void }[] = [];
  return {
    contexts,
    load(context) {
      contexts.push(context);
      const result = Promise.withResolvers<V | null>();
      pending.push(result);
      for (const { times, resolve } of awaited) if (contexts.length >= times) resolve();
      return result.promise;
    },
    called: (times) =>
      new Promise((resolve) => {
        if (contexts.length >= times) resolve();
        else awaited.push({ times, resolve });
      }),
    finish: (value) => pending.shift()?.resolve(value),
    fail: (error) => pending.shift()?.reject(error),
  };
}
