import type { CacheClient } from './cache-client.ts';
import type { Flight } from './flights.ts';
import type { LastKnown } from './last-known.ts';
import type { LoadLimit } from './load-limit.ts';
import type { Load } from './loader.ts';
import type { Loads } from './loads.ts';
import type { ReaderObserver } from './observer.ts';
import type { RedisCalls } from './redis-calls.ts';
import type { RefreshSchedule } from './refresh-schedule.ts';
import type { ReadSettings, Settings } from './settings.ts';

/** What all reads of one reader share. */
export interface ReaderCore {
  readonly client: CacheClient;
  readonly calls: RedisCalls;
  readonly settings: Settings;
  readonly observer: Required<ReaderObserver>;
  readonly loads: Loads;
  readonly limit: LoadLimit;
  readonly lastKnown: LastKnown | undefined;
  readonly schedule: RefreshSchedule | undefined;
}

/** One read of one key. */
export interface KeyRead<V> {
  readonly key: string;
  readonly load: Load<V>;
  readonly settings: ReadSettings<V>;
  /** Undefined for a refresh, which nobody waits for. */
  readonly flight: Pick<Flight<V>, 'isDropped'> | undefined;
}
