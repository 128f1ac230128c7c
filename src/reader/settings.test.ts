import { describe, expect, it } from 'vitest';
import type { CacheClient } from './cache-client.ts';
import { jsonCodec } from './codec.ts';
import type { ReaderOptions, ReadOptions } from './options.ts';
import { readSettingsOf, settingsOf } from './settings.ts';

const required = { redis: undefined as unknown as CacheClient, source: 'primary' } as const;

describe('the options of a reader', () => {
  it.each<Partial<ReaderOptions>>([
    { ttl: 0 },
    { ttl: '0s' },
    { ttl: 1.5 },
    { ttl: '1.5s' },
    { ttl: '-1s' },
    { ttl: '5 s' },
    { ttl: '5' as '5s' },
    { ttl: '1w' as '5s' },
    { ttl: '' as '5s' },
    { ttl: Number.NaN },
    { ttl: 2 ** 31 },
    { ttl: '25d' },
    { ttl: true as unknown as number },
    { ttlJitter: 1 },
    { ttlJitter: -0.1 },
    { wait: -1 },
    { breaker: { failures: 0 } },
    { breaker: { openFor: '0ms' } },
    { loadLimit: { concurrent: 0 } },
    { loadLimit: { maxWait: '0s' } },
    { stale: { maxAge: '1y' as '1d' } },
    { source: 'somewhere' as 'primary' },
    { source: 'caught-up' as 'primary' },
  ])('are refused with a code: %j', (options) => {
    expect(() => settingsOf({ ...required, ...options })).toThrow(
      expect.objectContaining({ code: 'UNSTALE_READER_OPTIONS' }),
    );
  });

  it('are refused with the name of the option and what to write', () => {
    expect(() => settingsOf({ ...required, breaker: { openFor: '5 s' } })).toThrow(
      "breaker.openFor is from 1ms to 596h: a whole number of ms, or a text such as '500ms', '5s', '10m', '1h'; not '5 s'",
    );
  });

  it.each([
    [1_500, 1_500],
    ['500ms', 500],
    ['5s', 5_000],
    ['10m', 600_000],
    ['1h', 3_600_000],
    ['1d', 86_400_000],
  ] as const)('give a time of %s as %d ms', (ttl, expected) => {
    expect(settingsOf({ ...required, ttl }).ttlMs).toBe(expected);
  });

  it.each<[object, string]>([
    [{ ttlMs: 5 }, 'there is no option ttlMs; there are redis, source, ttl,'],
    [{ breaker: { openMs: 5 } }, 'there is no option breaker.openMs; there are failures, openFor'],
    [{ loadLimit: { max: 5 } }, 'there is no option loadLimit.max'],
    [{ stale: { ttl: 5 } }, 'there is no option stale.ttl'],
    [{ earlyRefresh: { alpha: 1 } }, 'there is no option earlyRefresh.alpha'],
  ])('that do not exist are refused by name: %j', (unknown, message) => {
    expect(() => settingsOf({ ...required, ...unknown })).toThrow(message);
  });

  it('that are missing in a part have the defaults of that part', () => {
    const settings = settingsOf({
      ...required,
      breaker: { openFor: 7 },
      loadLimit: { queue: 0 },
      stale: {},
      wait: 0,
    });
    expect(settings.breaker).toEqual({ failures: 5, openMs: 7 });
    expect(settings.loadLimit).toEqual({ concurrent: 20, queue: 0, maxWaitMs: 1_000 });
    expect(settings.stale).toEqual({
      maxEntries: 1_000,
      maxBytes: 16_777_216,
      maxAgeMs: 60_000,
      onError: false,
    });
  });
});

describe('the options of a read', () => {
  const settings = settingsOf({ ...required, ttl: '1h', absentTtl: '2s' });

  it('that are missing are those of the reader', () => {
    expect(readSettingsOf({}, settings)).toEqual({
      codec: jsonCodec(),
      ttlMs: 3_600_000,
      absentTtlMs: 2_000,
      source: 'primary',
      version: undefined,
      noFill: false,
      inTransaction: false,
    });
    expect(readSettingsOf({ ttl: '1m', absentTtl: 0, source: 'replica' }, settings)).toMatchObject({
      ttlMs: 60_000,
      absentTtlMs: 0,
      source: 'replica',
    });
  });

  it('that do not exist are refused by name', () => {
    const misspelt = { ttlMs: 5 };
    expect(() => readSettingsOf(misspelt as object, settings)).toThrow(
      'there is no option ttlMs; there are codec, ttl,',
    );
  });

  it.each<ReadOptions<unknown>>([
    { ttl: 0 },
    { ttl: '1.5s' },
    { absentTtl: -1 },
    { source: 'caught-up' as 'primary' },
  ])('are refused with a code: %j', (options) => {
    expect(() => readSettingsOf(options, settings)).toThrow(
      expect.objectContaining({ code: 'UNSTALE_READER_OPTIONS' }),
    );
  });
});
