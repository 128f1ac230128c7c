import type { SourcePosition } from './position.ts';
import type { ColumnValue } from './row-change.ts';
import type { CommitMark, ScopeReason } from './source-event.ts';
import type { VersionToken } from './version.ts';

/**
 * How the removal of a key keeps readers from filling it again with what they read before. `lease`: their leases are
 * void. `marker`: that too, and the key's companion keeps the change's version, where it has one, and tells readers
 * for `holdMs` to read the primary.
 */
export type Guard =
  | { readonly kind: 'lease' }
  | { readonly kind: 'marker'; readonly version?: VersionToken; readonly holdMs: number };

/** What a key gets: a string, or the fields of a hash and their values in turn. */
export type CacheValue = string | Buffer | readonly (string | Buffer)[];

/** How all values of a rule are stored. */
export interface StorePolicy {
  /** What they are: texts or bytes, or lists of fields. */
  readonly form: 'string' | 'hash';
  readonly ttlMs: number;
  /** Up to which part of the TTL it ends earlier, 0 to 1, so that keys written together do not end together. */
  readonly ttlJitter: number;
  /** Whether a key that is not there is created. */
  readonly create: boolean;
}

/**
 * One idempotent effect on Redis; `rule` is the place of the rule that wants it, such as `rules[0]`.
 *
 * `delete` removes a key, without a guard only that. `update` stores a value unless a newer version is known;
 * if one is, the key is removed. `set-keys` removes every key that the Redis set `key` names, and the set. `generation`
 * increments a counter that is part of other keys' names. `scope` removes every key that matches the glob
 * `pattern` (SCAN's MATCH syntax) and begins with its literal part; with `members` these are sets whose keys go too.
 */
export type CacheCommand =
  | { readonly kind: 'delete'; readonly key: string; readonly rule: string; readonly guard?: Guard }
  | {
      readonly kind: 'update';
      readonly key: string;
      readonly rule: string;
      readonly version: VersionToken;
      readonly value: CacheValue;
      readonly policy: StorePolicy;
    }
  | { readonly kind: 'set-keys'; readonly key: string; readonly rule: string; readonly guarded?: true }
  | { readonly kind: 'generation'; readonly key: string; readonly rule: string }
  | {
      readonly kind: 'scope';
      readonly pattern: string;
      readonly members: boolean;
      /** Whether companions of these keys go too, and with them the leases of readers. */
      readonly guarded?: true;
      readonly reason: ScopeReason;
      readonly rule: string;
    };

/** The removal of a key. Without a guard it has none at all, so that two of them are equal. */
export function deleteOf(key: string, rule: string, guard: Guard | undefined): CacheCommand {
  return guard === undefined ? { kind: 'delete', key, rule } : { kind: 'delete', key, rule, guard };
}

/** Two commands do the same to Redis, whatever wants them, if and only if this is equal. */
export function commandIdentity(command: CacheCommand): string {
  return command.kind === 'scope'
    ? `scope ${String(command.members)} ${String(command.guarded ?? false)} ${command.pattern}`
    : `${command.kind} ${command.key}`;
}

/**
 * A question to a SQL server, whose answer gives commands: the rule's lookup number `lookup` (an index into the
 * plan's lookups) with the values of its parameters, in their order.
 */
export interface LookupRequest {
  readonly lookup: number;
  readonly parameters: readonly Exclude<ColumnValue, undefined>[];
}

/** Two requests ask the same, with the same values of the same types, if and only if this is equal. */
export function requestIdentity({ lookup, parameters }: LookupRequest): string {
  return JSON.stringify([
    lookup,
    ...parameters.map((value) =>
      value instanceof Uint8Array ? { bytes: Buffer.from(value).toString('base64') } : value,
    ),
  ]);
}

/**
 * Commands that are sent together. `seq` counts from 1 without gaps. `bytes` are the binlog bytes that the
 * batch stands for. `oldestCommitAt` is in ms since the epoch. After Redis acknowledged this batch and all
 * before it, the binlog may be resumed at `resumeAfter`. `marks` are the transactions that the commands come
 * from, in binlog order, each once: all of them have to be visible before the batch touches Redis.
 */
export interface CommandBatch {
  readonly seq: number;
  readonly commands: readonly CacheCommand[];
  /** Asked once the batch is visible; what they give is sent with `commands`. */
  readonly lookups: readonly LookupRequest[];
  readonly bytes: number;
  readonly marks: readonly CommitMark[];
  readonly oldestCommitAt?: number;
  readonly resumeAfter?: SourcePosition;
}

/**
 * What became of an update. `stored`; `skipped`: the key is not there, and the rule does not create keys; `dropped`: it
 * was there, of unknown age, and is gone; `refused`: a newer value is known, and the key is gone.
 */
export type UpdateOutcome = 'stored' | 'skipped' | 'dropped' | 'refused';

/**
 * What Redis made of the commands: `removed` counts the keys of deletes that existed, `swept` those that sets and
 * scopes led to.
 */
export interface Applied {
  readonly removed: number;
  readonly swept?: number;
  /** Present if there were updates. */
  readonly updates?: Readonly<Record<UpdateOutcome, number>>;
}

/**
 * What became of a batch. `durable`: Redis acknowledged every command. `retryable`: nothing is known to be lost,
 * send the whole batch again. `poisoned`: Redis refuses this command for a reason that neither time nor a
 * reconnect will change.
 */
export type ApplyResult =
  | ({ readonly outcome: 'durable' } & Applied)
  | { readonly outcome: 'retryable'; readonly error: Error }
  | { readonly outcome: 'poisoned'; readonly command: CacheCommand; readonly error: Error };
