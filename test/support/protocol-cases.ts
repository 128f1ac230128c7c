import * as fc from 'fast-check';
import { binlogVersion, rowVersion } from '../../src/change/version.ts';
import type { VersionToken } from '../../src/change/version.ts';
import type { ReadSource } from '../../src/protocol/scripts.ts';
import type { Cache } from '../model/scripts.ts';
import { hashText } from './protocol-state.ts';

const MINUTE = 60_000;
const HOUR = 60 * MINUTE;

/** The token of the caller; M may hold another's. */
export const OWN_TOKEN = 'own';

/** What the cache holds and the arguments that belong to one key. Points in time are relative to the clock. */
export interface KeyCase {
  readonly cache: Cache;
  readonly version: VersionToken | undefined;
  readonly form: 'string' | 'hash';
  readonly value: string;
  readonly ttlMs: number;
  readonly create: boolean;
}

export interface ConformanceCase {
  readonly script: 'getOrLease' | 'fill' | 'invalidate' | 'update';
  /** One for the scripts of readers. */
  readonly keys: readonly KeyCase[];
  readonly leaseMs: number;
  readonly refresh: boolean;
  readonly source: ReadSource;
  readonly tombstoneMs: number;
  readonly holdMs: number;
  readonly gtid: string;
}

const MAX_EXACT = 2n ** 53n;
const binlog = { epoch: 3, file: 'binlog.000042', offset: 4_294_967_400, ordinal: 7 };
/** Around the end of exact doubles, of digits that sort otherwise without padding, and of the other kind. */
const versions: readonly VersionToken[] = [
  ...[9n, 10n, 42n, MAX_EXACT - 1n, MAX_EXACT, MAX_EXACT + 1n, 10n ** 20n - 1n].flatMap((number) => [
    rowVersion(number)!,
    rowVersion(number, 'deleted')!,
  ]),
  binlogVersion(binlog)!,
  binlogVersion({ ...binlog, epoch: 4, ordinal: 0 })!,
];

const version = fc.constantFrom(...versions);
const ttl = fc.constantFrom(-1, MINUTE, HOUR, 24 * HOUR);
const duration = fc.constantFrom(2 * MINUTE, 2 * HOUR, 48 * HOUR);
const gtid = fc.constantFrom('', '3e11fa47-71ca-11e1-9e33-c80aa9429562:23', '0-1-100');
const text = fc.constantFrom('', 'Ada', '{"id":1}', 'ünïcode \u0000 and %s');
/** Long over, just over at the time when the clock is read, or far away. */
const time = fc.constantFrom(-1_700_000_000_000, -HOUR, -1, 0, 10 * MINUTE, 10 * HOUR);

const hash = fc
  .uniqueArray(fc.constantFrom('id', 'name', 'price'), { minLength: 1 })
  .chain((names) => fc.tuple(...names.map((name) => text.map((value) => [name, value] as const))))
  .map((fields) => hashText(Object.fromEntries(fields)));

const stored = fc.oneof(
  { weight: 4, arbitrary: fc.constant(undefined) },
  { weight: 4, arbitrary: fc.record({ type: fc.constant('string' as const), value: text, ttl }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('hash' as const), value: hash, ttl }) },
  { weight: 1, arbitrary: fc.record({ type: fc.constant('list' as const), value: text, ttl }) },
);

const fields = fc
  .record({
    lease: fc.option(fc.record({ l: fc.constantFrom(OWN_TOKEN, OWN_TOKEN, 'foreign'), x: time }), {
      nil: undefined,
    }),
    f: fc.option(version, { nil: undefined }),
    p: fc.option(time, { nil: undefined }),
    g: fc.option(
      gtid.filter((known) => known !== ''),
      { nil: undefined },
    ),
    u: fc.constantFrom(undefined, undefined, '1'),
    ttl,
  })
  .map(({ lease, ...rest }) => ({ l: lease?.l, x: lease?.x, ...rest }));

const companion = fc.oneof(
  { weight: 2, arbitrary: fc.constant(undefined) },
  { weight: 1, arbitrary: fc.constant('other type' as const) },
  {
    weight: 9,
    arbitrary: fields.map((known) =>
      [known.l, known.f, known.p, known.g, known.u].every((field) => field === undefined) ? undefined : known,
    ),
  },
);

const knownKey = fc.record({
  cache: fc.record({ key: stored, companion }),
  version: fc.option(version, { nil: undefined }),
  text,
  hash,
});

/** What all keys of one call have in common. */
const policy = fc.record({
  form: fc.constantFrom('string' as const, 'hash' as const),
  ttlMs: duration,
  create: fc.boolean(),
});

const keyCases = (maxLength: number): fc.Arbitrary<KeyCase[]> =>
  fc.record({ policy, keys: fc.array(knownKey, { minLength: 1, maxLength }) }).map(({ policy, keys }) =>
    keys.map(({ text, hash, ...rest }) => ({
      ...rest,
      ...policy,
      value: policy.form === 'hash' ? hash : text,
    })),
  );

/** Any call on keys in any state. */
export const conformanceCase: fc.Arbitrary<ConformanceCase> = fc
  .constantFrom('getOrLease', 'fill', 'fill', 'invalidate', 'update' as const)
  .chain((script) =>
    fc.record({
      script: fc.constant(script),
      keys: keyCases(script === 'invalidate' || script === 'update' ? 3 : 1),
      leaseMs: duration,
      refresh: fc.boolean(),
      source: fc.constantFrom(
        'primary' as const,
        'caught-up' as const,
        'replica' as const,
        'replica' as const,
      ),
      tombstoneMs: duration,
      holdMs: fc.oneof(fc.constant(0), duration),
      gtid,
    }),
  );
