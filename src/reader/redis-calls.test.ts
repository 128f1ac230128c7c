import { describe, expect, it } from 'vitest';
import { safeObserver } from './observer.ts';
import { createRedisCalls } from './redis-calls.ts';
import type { RedisCalls, RedisCallsOptions } from './redis-calls.ts';

function callsWith(options: Partial<RedisCallsOptions> = {}): { calls: RedisCalls; told: string[] } {
  const told: string[] = [];
  const observer = safeObserver({
    redis: ({ outcome }) => told.push(outcome),
    breaker: (state) => told.push(state),
  });
  const breaker = { failures: 2, openMs: 60_000 };
  return {
    calls: createRedisCalls({ timeoutMs: 60_000, maxPending: 10, breaker, observer, ...options }),
    told,
  };
}

const failing = (message: string) => async (): Promise<never> => {
  throw new Error(message);
};

describe('a call of Redis', () => {
  it.each([
    'WRONGTYPE Operation against a key',
    'NOPERM this user',
    'OOM command not allowed',
    'READONLY You',
  ])('that is answered with an error is answered: %s', async (message) => {
    const { calls, told } = callsWith();
    for (let time = 0; time < 5; time += 1)
      await expect(calls.ask('get', failing(message))).rejects.toThrow(message);
    expect(calls.state).toBe('closed');
    expect(new Set(told)).toEqual(new Set(['refused']));
  });

  it.each([
    'connect ECONNREFUSED 127.0.0.1:6379',
    'Connection is closed.',
    'LOADING Redis is loading',
    'CLUSTERDOWN The',
  ])('that says that Redis is not there opens the circuit: %s', async (message) => {
    const { calls, told } = callsWith();
    for (let time = 0; time < 2; time += 1)
      await expect(calls.ask('get', failing(message))).rejects.toThrow(message);
    await expect(calls.ask('get', async () => 1)).rejects.toMatchObject({
      code: 'UNSTALE_READER_CIRCUIT_OPEN',
    });
    expect(told).toEqual(['failed', 'open', 'failed', 'open']);
  });

  it('that a client throws at once fails like any other', async () => {
    const { calls } = callsWith();
    const send = (): never => {
      throw new Error('not connected');
    };
    await expect(calls.ask('get', send)).rejects.toThrow('not connected');
  });

  it('that takes too long fails once, and its late reply or error is no surprise', async () => {
    const { calls, told } = callsWith({ timeoutMs: 5 });
    const [reply, error] = [Promise.withResolvers<string>(), Promise.withResolvers<string>()];
    const late: string[] = [];
    const asked = [
      calls.ask(
        'get',
        () => reply.promise,
        (value) => late.push(value),
      ),
      calls.ask('get', () => error.promise),
    ];
    for (const one of asked)
      await expect(one).rejects.toMatchObject({ code: 'UNSTALE_READER_REDIS_TIMEOUT' });
    reply.resolve('late');
    error.reject(new Error('late'));
    await new Promise((resolve) => setImmediate(resolve));
    expect(late).toEqual(['late']);
    expect(told).toEqual(['timeout', 'open', 'timeout']);
  });

  it('is not sent while the client owes too many replies', async () => {
    const { calls } = callsWith({ maxPending: 2 });
    const { promise, resolve } = Promise.withResolvers<number>();
    const asked = [calls.ask('get', () => promise), calls.ask('get', () => promise)];
    await expect(calls.ask('get', async () => 2)).rejects.toMatchObject({
      code: 'UNSTALE_READER_CIRCUIT_OPEN',
    });
    resolve(1);
    expect(await Promise.all(asked)).toEqual([1, 1]);
    expect(await calls.ask('get', async () => 2)).toBe(2);
  });
});

describe('an observer', () => {
  it('that throws, or has few methods, disturbs nothing', async () => {
    const observer = safeObserver({
      redis: () => {
        throw new Error('no metrics today');
      },
    });
    const { calls } = callsWith({ observer });
    expect(await calls.ask('get', async () => 1)).toBe(1);
    observer.hit('a', false);
  });

  it('is called on the object that was given', () => {
    const counter = {
      hits: 0,
      hit(): void {
        this.hits += 1;
      },
    };
    safeObserver(counter).hit('a', false);
    expect(counter.hits).toBe(1);
  });
});
