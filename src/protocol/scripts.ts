import type { CacheCommand, StorePolicy, UpdateOutcome } from '../change/command.ts';
import type { VersionToken } from '../change/version.ts';
import { companionKey } from './companion-key.ts';
import { loadScript } from './script.ts';
import type { ScriptCall } from './script.ts';

export const GET_OR_LEASE = loadScript('getOrLease-2');
export const FILL = loadScript('fill-2');
export const INVALIDATE = loadScript('invalidate-2n');
export const UPDATE = loadScript('update-2n');

/** All scripts of the protocol. */
export const SCRIPTS = [GET_OR_LEASE, FILL, INVALIDATE, UPDATE] as const;

/**
 * What a reader is told that found no value. `lease`: read the database and fill; read the primary while `holdMs` is
 * above 0; `gtid` and `floor` are '' where unknown. `wait`: another reader fills, for `ms` at most. `bypass`: the key
 * holds something that is not the protocol's.
 */
export type LeaseReply =
  | { readonly kind: 'hit'; readonly value: string | Buffer }
  | { readonly kind: 'bypass' }
  | { readonly kind: 'wait'; readonly ms: number }
  | { readonly kind: 'lease'; readonly holdMs: number; readonly gtid: string; readonly floor: string };

export interface LeaseRequest {
  readonly key: string;
  /** Unique: 128 random bits. */
  readonly token: string;
  readonly leaseMs: number;
  /** A lease although there is a value. */
  readonly refresh?: boolean;
}

/** Asks for the value of a key, or for a lease on it. */
export function getOrLease({ key, token, leaseMs, refresh = false }: LeaseRequest): ScriptCall<LeaseReply> {
  return {
    script: GET_OR_LEASE,
    keys: [key, companionKey(key)],
    args: [token, String(leaseMs), refresh ? '1' : '0'],
    read(reply) {
      const [kind, first, second, third] = listOf(reply);
      switch (textOf(kind)) {
        case 'hit':
          return { kind: 'hit', value: bytesOf(first) };
        case 'bypass':
          return { kind: 'bypass' };
        case 'wait':
          return { kind: 'wait', ms: numberOf(first) };
        case 'lease':
          return { kind: 'lease', holdMs: numberOf(first), gtid: textOf(second), floor: textOf(third) };
        default:
          throw unexpected(reply);
      }
    },
  };
}

/** Where a value was read: `caught-up` is a replica that has executed the lease's `gtid`. */
export type ReadSource = 'primary' | 'caught-up' | 'replica';

const FILL_REPLIES = ['stored', 'voided', 'expired', 'hold', 'outdated', 'unknown'] as const;
/**
 * `voided`: the lease is not there any more; `expired`: it is too old; `hold`: replicas may lack the last change;
 * `outdated`: a newer version is known; `unknown`: from a replica, and nothing says that it is new enough.
 */
export type FillReply = (typeof FILL_REPLIES)[number];

export interface FillRequest {
  readonly key: string;
  readonly token: string;
  readonly value: string | Buffer;
  readonly ttlMs: number;
  readonly version?: VersionToken | undefined;
  readonly source: ReadSource;
  readonly tombstoneMs: number;
}

/** Stores what was read under a lease. */
export function fill(request: FillRequest): ScriptCall<FillReply> {
  const { key, token, value, ttlMs, version = '', source, tombstoneMs } = request;
  return {
    script: FILL,
    keys: [key, companionKey(key)],
    args: [token, value, String(ttlMs), version, source, String(tombstoneMs)],
    read: (reply) => oneOf(FILL_REPLIES, reply),
  };
}

export interface Invalidation {
  readonly key: string;
  /** Undefined where the change has none. */
  readonly version?: VersionToken | undefined;
}

export interface InvalidateOptions {
  readonly tombstoneMs: number;
  /** How long readers have to read the primary; 0 where no reader reads a replica. */
  readonly holdMs: number;
  /** GTIDs of the changes, '' if unknown. */
  readonly gtid: string;
}

/** Removes keys of one node, in a cluster of one slot. Resolves with how many existed. */
export function invalidate(
  keys: readonly Invalidation[],
  { tombstoneMs, holdMs, gtid }: InvalidateOptions,
): ScriptCall<number> {
  return {
    script: INVALIDATE,
    keys: pairs(keys),
    args: [String(tombstoneMs), String(holdMs), gtid, ...keys.map(({ version }) => version ?? '')],
    read: numberOf,
  };
}

/** By the letters with which the script replies. */
const UPDATE_REPLIES: Readonly<Record<string, UpdateOutcome>> = {
  s: 'stored',
  k: 'skipped',
  d: 'dropped',
  r: 'refused',
};

/** A value of a key. */
export type Update = Pick<Extract<CacheCommand, { kind: 'update' }>, 'key' | 'version' | 'value'>;

export interface UpdateOptions {
  /** How much longer than the value its version is known. */
  readonly tombstoneMs: number;
  readonly policy: StorePolicy;
}

/** Stores values of keys of one node, in a cluster of one slot, each unless it is older than what is known. */
export function update(
  updates: readonly Update[],
  { tombstoneMs, policy }: UpdateOptions,
): ScriptCall<readonly UpdateOutcome[]> {
  const form = policy.form === 'hash' ? 'h' : 's';
  const args: (string | Buffer)[] = [
    String(policy.ttlMs + tombstoneMs),
    String(tombstoneMs),
    policy.create ? form.toUpperCase() : form,
  ];
  for (const { version, value } of updates) {
    args.push(version, String(jittered(policy)));
    if (typeof value === 'string' || Buffer.isBuffer(value)) args.push(value);
    else args.push(String(value.length), ...value);
  }
  return {
    script: UPDATE,
    keys: pairs(updates),
    args,
    read(reply) {
      const outcomes = Array.from(textOf(reply), (letter) => UPDATE_REPLIES[letter] ?? raise(reply));
      return outcomes.length === updates.length ? outcomes : raise(reply);
    },
  };
}

function jittered({ ttlMs, ttlJitter }: StorePolicy): number {
  return Math.max(1, Math.round(ttlMs * (1 - ttlJitter * Math.random())));
}

function pairs(keys: readonly { readonly key: string }[]): string[] {
  const names: string[] = [];
  for (const { key } of keys) names.push(key, companionKey(key));
  return names;
}

function oneOf<Name extends string>(names: readonly Name[], reply: unknown): Name {
  const text = textOf(reply);
  const name = names.find((known) => known === text);
  if (name === undefined) throw unexpected(reply);
  return name;
}

function listOf(reply: unknown): readonly unknown[] {
  if (Array.isArray(reply)) return reply;
  throw unexpected(reply);
}

function numberOf(reply: unknown): number {
  if (typeof reply === 'number') return reply;
  throw unexpected(reply);
}

function bytesOf(reply: unknown): string | Buffer {
  if (typeof reply === 'string' || Buffer.isBuffer(reply)) return reply;
  throw unexpected(reply);
}

function textOf(reply: unknown): string {
  return bytesOf(reply).toString();
}

function raise(reply: unknown): never {
  throw unexpected(reply);
}

function unexpected(reply: unknown): TypeError {
  return new TypeError(`a script of the cache protocol replied ${typeof reply}, not what it can reply`);
}
