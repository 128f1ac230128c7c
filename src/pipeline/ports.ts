import type { ApplyResult, CacheCommand, CommandBatch, LookupRequest } from '../change/command.ts';
import type { Checkpoint } from '../change/checkpoint.ts';
import type { SourcePosition } from '../change/position.ts';
import type { CommitMark, SourceEvent } from '../change/source-event.ts';

/** Where a source begins when nothing is stored, or the stored position. */
export type StartPoint =
  | { readonly from: 'latest' }
  | { readonly from: 'earliest' }
  | { readonly from: 'file'; readonly file: string; readonly offset: number }
  | { readonly from: 'gtid'; readonly gtidSet: string }
  | {
      readonly from: 'checkpoint';
      readonly position: SourcePosition;
      /** The newest position that was read before, if it is another one: versions go on from its epoch. */
      readonly newest?: SourcePosition;
    };

/** Delivers the changes of the mapped tables in binlog order. */
export interface ChangeSource {
  /**
   * Connects and resolves with the position at which the stream begins, before any event is read.
   * @throws UnstaleError when the position cannot be resumed or the server refuses.
   */
  open(start: StartPoint, signal: AbortSignal): Promise<SourcePosition>;
  /**
   * Waits for at least one event and returns all that are buffered, never an empty list while open.
   * Resolves with an empty list once the source is closed. Lost connections are re-established inside.
   * @throws UnstaleError when the stream cannot go on.
   */
  read(): Promise<readonly SourceEvent[]>;
  /** Stops the stream and frees its connections; safe to call at any time and twice. */
  close(): Promise<void>;
}

/** Applies commands to Redis. Never rejects for a reply of Redis: see ApplyResult. */
export interface CommandSink {
  /** @throws UnstaleError (fatal) when no retry can help, e.g. refused credentials. */
  apply(batch: CommandBatch, signal: AbortSignal): Promise<ApplyResult>;
}

/** Asks SQL servers what a change made stale. */
export interface LookupRunner {
  /**
   * The commands of all requests, never fewer: where there is no answer, those that stand for all keys of the
   * rule. They come in parts, so that not all need to be in memory together. Bounded in time; never rejects for a
   * reason of the server. Worthless after an abort.
   */
  resolve(requests: readonly LookupRequest[], signal: AbortSignal): AsyncIterable<readonly CacheCommand[]>;
}

/**
 * Knows when committed changes can be read. A change is in the binlog before other sessions see its row; a key
 * that is deleted in between is filled again with the old row (protocol.md, the visibility barrier).
 */
export interface Barrier {
  /** Waits until other sessions see these transactions; never rejects. An abort ends the wait with `unknown`. */
  pass(marks: readonly CommitMark[], signal: AbortSignal): Promise<Visibility>;
}

/**
 * What a barrier found out. A delete that is sent without `visible` has to be repeated: for `unknown`, which is
 * worth asking again, after the barrier has passed; for `unknowable`, which is not, after a while.
 */
export type Visibility = 'visible' | 'unknown' | 'unknowable';

/** Keeps a daemon's checkpoint. */
export interface PositionStore {
  load(): Promise<Checkpoint | undefined>;
  save(checkpoint: Checkpoint): Promise<void>;
}

/** Up to where Redis had acknowledged everything at a moment, ms since the epoch. */
export interface AppliedAt {
  readonly position: SourcePosition;
  readonly at: number;
}

/** Keeps positions of the recent past beyond the end of the process. */
export interface HistoryStore {
  /** Those of the last minutes, oldest first. */
  loadHistory(): Promise<readonly AppliedAt[]>;
  /** Adds one in place of the oldest: the newest 16 stay. */
  remember(entry: AppliedAt): Promise<void>;
  /** Keeps one for longer, if its minute or its hour has none yet: for an hour one a minute, for a week one an hour. */
  keep(entry: AppliedAt): Promise<void>;
  /** All that are kept, oldest first. */
  loadAll(): Promise<readonly AppliedAt[]>;
}

export type SqlParameter = string | number | Uint8Array | null;

/** A SQL connection that reconnects by itself; every statement has a deadline. */
export interface SqlClient {
  query(sql: string, params?: readonly SqlParameter[]): Promise<readonly SqlRow[]>;
  close(): Promise<void>;
}

/** One that tells what a statement has done. */
export interface SqlWriter extends SqlClient {
  /** Resolves with the number of rows that were inserted, or found to be updated, a changed one maybe twice. */
  write(sql: string, params?: readonly SqlParameter[]): Promise<number>;
}

/** Whether this daemon may change anything in Redis: only the leader may. */
export interface WriteGate {
  /** Costs next to nothing: it is asked before every command. */
  isOpen(): boolean;
  /** Resolves when it is open, or the signal aborts; where another daemon leads now, only then. */
  opened(signal: AbortSignal): Promise<void>;
}

/** One result row: column name to value, as text, number, bytes or null. */
export type SqlRow = Readonly<Record<string, unknown>>;

/** Structured logging, as pino does it: fields first, then a sentence. One line a state change. */
export interface Log {
  debug(fields: object, message: string): void;
  info(fields: object, message: string): void;
  warn(fields: object, message: string): void;
  error(fields: object, message: string): void;
}

/** Waits before attempt number `attempt` (from 1); resolves early when the signal aborts. */
export type RetryDelay = (attempt: number, signal: AbortSignal) => Promise<void>;

/** Waits `ms` milliseconds, or less when the signal aborts. */
export type Sleep = (ms: number, signal: AbortSignal) => Promise<void>;
