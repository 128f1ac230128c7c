import type { SourcePosition } from './position.ts';
import type { RowChange } from './row-change.ts';
import type { TableRef } from './table.ts';

/**
 * A part of one transaction, cut by bytes so that a transaction of any size fits in bounded memory.
 *
 * `bytes` are binlog bytes. `committedAt` is in ms since the epoch. `resumeAfter` stands only on a
 * transaction's last slice, so a position inside a transaction cannot be expressed.
 */
export interface TransactionSlice {
  readonly gtid?: string;
  readonly sliceNo: number;
  readonly changes: readonly RowChange[];
  readonly bytes: number;
  readonly committedAt: number;
  readonly resumeAfter?: SourcePosition;
}

/** Why every key that a table's rules can produce has to go. */
export type ScopeReason = 'truncate' | 'ddl' | 'statement' | 'unreadable' | 'gap';

/** What a ChangeSource delivers, in binlog order. */
export type SourceEvent =
  | { readonly kind: 'slice'; readonly slice: TransactionSlice }
  | { readonly kind: 'scope'; readonly tables: readonly TableRef[]; readonly reason: ScopeReason }
  | { readonly kind: 'idle'; readonly position: SourcePosition };
