import { describe, expect, it } from 'vitest';
import type { CacheClient } from './cache-client.ts';
import { settingsOf } from './options.ts';
import type { ReaderOptions } from './options.ts';

const required = { redis: undefined as unknown as CacheClient, source: 'primary' } as const;

describe('the options of a reader', () => {
  it.each<Partial<ReaderOptions>>([
    { ttlMs: 0 },
    { ttlMs: 1.5 },
    { ttlMs: Number.NaN },
    { ttlMs: 2 ** 31 },
    { ttlJitter: 1 },
    { ttlJitter: -0.1 },
    { waitMs: -1 },
    { breaker: { failures: 0 } },
    { loadLimit: { concurrent: 0 } },
    { source: 'somewhere' as 'primary' },
    { source: 'caught-up' as 'primary' },
  ])('are refused with a code: %j', (options) => {
    expect(() => settingsOf({ ...required, ...options })).toThrow(
      expect.objectContaining({ code: 'UNSTALE_READER_OPTIONS' }),
    );
  });

  it('that are missing in a part have the defaults of that part', () => {
    const settings = settingsOf({ ...required, breaker: { openMs: 7 }, loadLimit: { queue: 0 }, waitMs: 0 });
    expect(settings.breaker).toEqual({ failures: 5, openMs: 7 });
    expect(settings.loadLimit).toEqual({ concurrent: 20, queue: 0, maxWaitMs: 1_000 });
  });
});
