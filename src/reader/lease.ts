import { Buffer } from 'node:buffer';
import { randomBytes } from 'node:crypto';
import type { VersionToken } from '../change/version.ts';
import type { ScriptCall } from '../protocol/script.ts';
import { fill, getOrLease } from '../protocol/scripts.ts';
import type { FillReply, ReadSource } from '../protocol/scripts.ts';
import { ReaderError } from './errors.ts';

let takeToken: (lease: HeldLease) => string;

/** Only its type is exported, so that a lease comes from Redis and from nowhere else. */
class HeldLease {
  readonly key: string;
  /** How long the primary has to be read, ms from when it was granted; 0: not at all. */
  readonly holdMs: number;
  /** GTIDs of the last invalidation, '' if unknown. */
  readonly gtid: string;
  /** The version below which nothing may be stored, '' if unknown. */
  readonly floor: string;
  readonly #token: string;
  #spent = false;

  static {
    takeToken = (lease) => {
      if (lease.#spent) throw new ReaderError('UNSTALE_READER_LEASE_SPENT', lease.key);
      lease.#spent = true;
      return lease.#token;
    };
  }

  constructor(key: string, token: string, granted: { holdMs: number; gtid: string; floor: string }) {
    this.key = key;
    this.#token = token;
    this.holdMs = granted.holdMs;
    this.gtid = granted.gtid;
    this.floor = granted.floor;
  }
}

/** The right to fill one key once. */
export type Lease = HeldLease;

export type LeaseAnswer =
  | { readonly kind: 'hit'; readonly value: string | Buffer }
  | { readonly kind: 'bypass' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'lease'; readonly lease: Lease };

export interface LeaseRequestOptions {
  readonly leaseMs: number;
  /** Although there is a value. */
  readonly refresh?: boolean;
}

/** The call that asks for a key's value or for the lease on it. */
export function leaseRequest(
  key: string,
  { leaseMs, refresh = false }: LeaseRequestOptions,
): ScriptCall<LeaseAnswer> {
  const token = randomBytes(16).toString('hex');
  const call = getOrLease({ key, token, leaseMs, refresh });
  return {
    ...call,
    read(reply) {
      const answer = call.read(reply);
      return answer.kind === 'lease' ? { kind: 'lease', lease: new HeldLease(key, token, answer) } : answer;
    },
  };
}

export interface Filling {
  readonly value: string | Buffer;
  readonly ttlMs: number;
  readonly version: VersionToken | undefined;
  readonly source: ReadSource;
  readonly tombstoneMs: number;
}

/**
 * The call that stores what was read under the lease, and ends it.
 * @throws ReaderError UNSTALE_READER_LEASE_SPENT for a lease that was filled or released before
 */
export function fillCall(lease: Lease, filling: Filling): ScriptCall<FillReply> {
  return fill({
    ...filling,
    source: sourceUnder(lease, filling.source),
    key: lease.key,
    token: takeToken(lease),
  });
}

/**
 * The call that ends a lease without a fill, so that the next reader need not wait until it expires. It is a fill
 * that the script always refuses, as it does with any value of a replica that has no version, and whose only effect
 * is that the lease is gone.
 */
export function releaseCall(lease: Lease): ScriptCall<FillReply> {
  const token = takeToken(lease);
  return fill({ key: lease.key, token, value: Buffer.alloc(0), ttlMs: 1, source: 'replica', tombstoneMs: 0 });
}

/** A replica cannot have caught up with what is not known: then it is only a replica. */
function sourceUnder(lease: Lease, source: ReadSource): ReadSource {
  return source === 'caught-up' && lease.gtid === '' ? 'replica' : source;
}
