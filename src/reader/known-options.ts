import { ReaderError } from './errors.ts';
import type { InvalidateOptions } from './invalidate.ts';
import type {
  BreakerOptions,
  EarlyRefreshOptions,
  LoadLimitOptions,
  ReaderOptions,
  ReadOptions,
  StaleOptions,
  WaitForOptions,
} from './options.ts';

type Names<Options> = Readonly<Record<keyof Options, true>>;

const READER: Names<ReaderOptions> = {
  redis: true,
  source: true,
  ttl: true,
  ttlJitter: true,
  absentTtl: true,
  lease: true,
  wait: true,
  tombstone: true,
  hold: true,
  redisTimeout: true,
  invalidateTimeout: true,
  loadTimeout: true,
  maxPending: true,
  breaker: true,
  loadLimit: true,
  stale: true,
  earlyRefresh: true,
  mayExist: true,
  clientId: true,
  observer: true,
};
const BREAKER: Names<BreakerOptions> = { failures: true, openFor: true };
const LOAD_LIMIT: Names<LoadLimitOptions> = { concurrent: true, queue: true, maxWait: true };
const STALE: Names<StaleOptions> = { maxEntries: true, maxBytes: true, maxAge: true, onError: true };
const EARLY_REFRESH: Names<EarlyRefreshOptions> = { beta: true, maxKeys: true, concurrent: true };
const READ: Names<ReadOptions<unknown>> = {
  codec: true,
  ttl: true,
  absentTtl: true,
  source: true,
  version: true,
  noFill: true,
  inTransaction: true,
};
const INVALIDATE: Names<InvalidateOptions> = { hold: true, gtid: true };
const WAIT_FOR: Names<WaitForOptions> = { timeout: true };

/**
 * In JavaScript a misspelt option would be no option, e.g. a TTL that is never as short as it was meant to be.
 * @throws ReaderError UNSTALE_READER_OPTIONS that names it and what there is
 */
export function requireReaderOptions(options: ReaderOptions): void {
  const { breaker, loadLimit, stale, earlyRefresh } = options;
  requireKnown(options, READER);
  requireKnown(breaker, BREAKER, 'breaker.');
  requireKnown(loadLimit, LOAD_LIMIT, 'loadLimit.');
  requireKnown(stale, STALE, 'stale.');
  requireKnown(earlyRefresh, EARLY_REFRESH, 'earlyRefresh.');
}

/** @throws ReaderError UNSTALE_READER_OPTIONS */
export const requireReadOptions = (options: object): void => requireKnown(options, READ);
/** @throws ReaderError UNSTALE_READER_OPTIONS */
export const requireInvalidateOptions = (options: object): void => requireKnown(options, INVALIDATE);
/** @throws ReaderError UNSTALE_READER_OPTIONS */
export const requireWaitForOptions = (options: object): void => requireKnown(options, WAIT_FOR);

function requireKnown(options: object | undefined, known: Readonly<Record<string, true>>, place = ''): void {
  for (const name in options) {
    if (Object.hasOwn(known, name)) continue;
    const names = Object.keys(known).join(', ');
    throw new ReaderError('UNSTALE_READER_OPTIONS', `there is no option ${place}${name}; there are ${names}`);
  }
}
