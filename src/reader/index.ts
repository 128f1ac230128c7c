/** The reader kit, published as `unstale/reader`. docs/reader.md is its guide. */
export { createReader } from './reader.ts';
export type { Reader } from './reader.ts';
export type {
  BreakerOptions,
  Duration,
  EarlyRefreshOptions,
  LoadLimitOptions,
  ReaderOptions,
  ReadOptions,
  SourceOption,
  StaleOptions,
  WaitForOptions,
} from './options.ts';
export { loaded } from './loader.ts';
export type { Load, LoadContext, Loaded, LoadedDetails, LoadMany, LoadResult, RowVersion } from './loader.ts';
export type { InvalidatedKey, InvalidateOptions } from './invalidate.ts';
export type { ReadSource } from '../protocol/scripts.ts';

export { fromIoredis } from './from-ioredis.ts';
export { fromNodeRedis } from './from-node-redis.ts';
export type { CacheClient } from './cache-client.ts';
export type { IoredisClient } from './from-ioredis.ts';
export type { NodeRedisClient, NodeRedisCluster } from './from-node-redis.ts';

export { bytesCodec, compressed, jsonCodec, stringCodec } from './codec.ts';
export type { BytesCodec, Codec, CompressionOptions, TextCodec } from './codec.ts';
export { createBloomFilter, restoreBloomFilter } from './bloom-filter.ts';
export type { BloomFilter, BloomFilterOptions } from './bloom-filter.ts';

export { ReaderError } from './errors.ts';
export type { ReaderErrorCode } from './errors.ts';
export type { FillResult, LoadEvent, LoadReason, ReaderObserver, RedisEvent } from './observer.ts';
export type { BreakerState } from './breaker.ts';
