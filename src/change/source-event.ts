import type { BinlogPlace, SourcePosition } from './position.ts';
import type { RowChange } from './row-change.ts';
import type { TableReach } from './table.ts';

/** A transaction's identifier: MySQL's `uuid` or `uuid:tag` and number, MariaDB's `domain-server` and number. */
export interface Gtid {
  readonly source: string;
  readonly sequence: number;
}

/**
 * A transaction's place in the binlog, from which the visibility barrier tells whether other sessions see it:
 * its `gtid` where it has one, and a place at or behind its beginning and before its end. All slices of a
 * transaction share one object.
 */
export interface CommitMark {
  readonly gtid: Gtid | undefined;
  /** Of the position. */
  readonly epoch: number;
  readonly file: string;
  readonly offset: number;
}

/**
 * A part of one transaction, cut by bytes so that a transaction of any size fits in bounded memory.
 *
 * `bytes` are binlog bytes. `committedAt` is in ms since the epoch. `resumeAfter` stands only on a
 * transaction's last slice, so a position inside a transaction cannot be expressed.
 */
export interface TransactionSlice {
  readonly mark: CommitMark;
  readonly sliceNo: number;
  readonly changes: readonly RowChange[];
  readonly bytes: number;
  readonly committedAt: number;
  /** Keys that comments of the transaction's statements name, each once within the slice. */
  readonly hints?: readonly string[];
  readonly resumeAfter?: SourcePosition;
}

/**
 * Why every key that a table's rules can produce has to go. `limit`: there are more of them than the rule allows to
 * name; `outbox`: the application asked for it; `reload`: the rules have changed.
 */
export type ScopeReason =
  'truncate' | 'ddl' | 'statement' | 'unreadable' | 'gap' | 'limit' | 'outbox' | 'reload';

/** What a ChangeSource delivers, in binlog order. A scope without a `mark` concerns nothing that is yet to be seen. */
export type SourceEvent =
  | { readonly kind: 'slice'; readonly slice: TransactionSlice }
  | {
      readonly kind: 'scope';
      readonly tables: readonly TableReach[];
      readonly reason: ScopeReason;
      /** ms since the epoch. */
      readonly committedAt: number;
      readonly mark?: CommitMark;
    }
  | { readonly kind: 'idle'; readonly position: SourcePosition }
  | {
      readonly kind: 'epoch';
      /** Where it begins. Places of earlier epochs are nowhere in its binlog. */
      readonly position: SourcePosition;
      /** Where its binlog ended then. */
      readonly end: BinlogPlace;
    };
