import { expect, expectTypeOf, it } from 'vitest';
import * as kit from './index.ts';
import type { Loaded, Load, Reader, ReaderOptions, ReadOptions } from './index.ts';

interface User {
  readonly id: number;
  readonly version: string;
}

declare const reader: Reader;

it('the published kit has nothing that stores without a lease', () => {
  expect(Object.keys(kit).toSorted()).toEqual([
    'ReaderError',
    'bytesCodec',
    'compressed',
    'createBloomFilter',
    'createReader',
    'fromIoredis',
    'fromNodeRedis',
    'jsonCodec',
    'loaded',
    'restoreBloomFilter',
    'stringCodec',
  ]);
  expectTypeOf<keyof Reader>().toEqualTypeOf<
    'breaker' | 'get' | 'getMany' | 'invalidate' | 'waitFor' | 'bypass' | 'bypassed' | 'close'
  >();
});

it('the type of a value follows from its loader', () => {
  const user: User = { id: 1, version: '7' };
  const get = (load: Load<User>, options?: ReadOptions<User>) => reader.get('user:1', load, options);
  expectTypeOf(get).returns.toEqualTypeOf<Promise<User | undefined>>();
  expectTypeOf(kit.loaded(user, { source: 'replica' })).toEqualTypeOf<Loaded<User>>();

  expectTypeOf(() => user).toExtend<Load<User>>();
  expectTypeOf(async () => null).toExtend<Load<User>>();
  expectTypeOf(async () => kit.loaded(user, { version: user.version })).toExtend<Load<User>>();
  expectTypeOf(() => ({ id: 'one' })).not.toExtend<Load<User>>();
  expectTypeOf((row: User) => row.version).toExtend<NonNullable<ReadOptions<User>['version']>>();
  expectTypeOf((row: User) => ({ row })).not.toExtend<NonNullable<ReadOptions<User>['version']>>();
});

it('times are numbers, or texts as in the configuration of the daemon', () => {
  expectTypeOf<5_000>().toExtend<kit.Duration>();
  expectTypeOf<'500ms' | '5s' | '10m' | '1h' | '1d'>().toExtend<kit.Duration>();
  expectTypeOf<'5 minutes'>().not.toExtend<kit.Duration>();
  expectTypeOf<'5'>().not.toExtend<kit.Duration>();
});

it('a reader has to say where its loaders read', () => {
  expectTypeOf<{ redis: kit.CacheClient }>().not.toExtend<ReaderOptions>();
  expectTypeOf<{ redis: kit.CacheClient; source: 'primary' }>().toExtend<ReaderOptions>();
  expectTypeOf<{ redis: kit.CacheClient; source: 'caught-up' }>().not.toExtend<ReaderOptions>();
});
