import type { SourcePosition } from './position.ts';
import type { CommitMark, ScopeReason } from './source-event.ts';

/**
 * One idempotent effect on Redis. `scope` removes every key that matches the glob `pattern` (SCAN's MATCH
 * syntax) and begins with its literal part.
 */
export type CacheCommand =
  | { readonly kind: 'delete'; readonly key: string }
  | { readonly kind: 'scope'; readonly pattern: string; readonly reason: ScopeReason };

/**
 * Commands that are sent together. `seq` counts from 1 without gaps. `bytes` are the binlog bytes that the
 * batch stands for. `oldestCommitAt` is in ms since the epoch. After Redis acknowledged this batch and all
 * before it, the binlog may be resumed at `resumeAfter`. `marks` are the transactions that the commands come
 * from, in binlog order, each once: all of them have to be visible before the batch touches Redis.
 */
export interface CommandBatch {
  readonly seq: number;
  readonly commands: readonly CacheCommand[];
  readonly bytes: number;
  readonly marks: readonly CommitMark[];
  readonly oldestCommitAt?: number;
  readonly resumeAfter?: SourcePosition;
}

/**
 * What became of a batch. `durable`: Redis acknowledged every command; `removed` counts the keys that
 * existed. `retryable`: nothing is known to be lost, send the whole batch again. `poisoned`: Redis refuses
 * this command for a reason that neither time nor a reconnect will change.
 */
export type ApplyResult =
  | { readonly outcome: 'durable'; readonly removed: number }
  | { readonly outcome: 'retryable'; readonly error: Error }
  | { readonly outcome: 'poisoned'; readonly command: CacheCommand; readonly error: Error };
