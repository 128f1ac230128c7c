import type { RowChange } from '../change/row-change.ts';

/**
 * What the assembler needs to know of one binlog event: the seam between decoding and everything else.
 *
 * `timestamp` is the event header's, in ms since the epoch with a resolution of 1 s, 0 on artificial events.
 * `nextOffset` is the header's 32-bit `log_pos`, the end of the event in its file; 0 where the server gives
 * none (artificial events, and MariaDB inside a transaction).
 */
export type BinlogEvent = {
  readonly timestamp: number;
  readonly nextOffset: number;
} & (
  | { readonly kind: 'format' }
  | { readonly kind: 'rotate'; readonly file: string; readonly offset: number }
  | { readonly kind: 'previous-gtids'; readonly gtidSet: string }
  /** `gtid` is undefined for an anonymous transaction; `committedAt` in ms where the event carries it. */
  | {
      readonly kind: 'gtid';
      readonly gtid: string | undefined;
      readonly opens: 'by-statement' | 'transaction' | 'standalone';
      readonly committedAt: number | undefined;
    }
  | { readonly kind: 'statement'; readonly schema: string; readonly text: string }
  | { readonly kind: 'rows'; readonly changes: readonly RowChange[]; readonly bytes: number }
  /** Rows of unstale's own state tables. */
  | { readonly kind: 'own-rows' }
  | { readonly kind: 'commit' }
  | { readonly kind: 'xa-prepare'; readonly onePhase: boolean }
  | { readonly kind: 'heartbeat'; readonly file: string; readonly offset: number }
  /** The server says that it lost events, or executed a statement that cannot be attributed to tables. */
  | { readonly kind: 'blind' }
  | { readonly kind: 'other' }
);
