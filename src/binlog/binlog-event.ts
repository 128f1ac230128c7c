import type { RowChange } from '../change/row-change.ts';
import type { Gtid } from '../change/source-event.ts';

/** How the group of events that a GTID begins goes on: with a BEGIN or another statement, with rows, or with one statement. */
export type GroupKind = 'by-statement' | 'transaction' | 'standalone';

/**
 * What the assembler needs to know of one binlog event: the seam between decoding and everything else.
 *
 * `timestamp` is the event header's, in s since the epoch, 0 on artificial events.
 * `nextOffset` is the header's 32-bit `log_pos`, the end of the event in its file; 0 where the server gives
 * none (artificial events, and MariaDB inside a transaction).
 *
 * An event object is valid only while it is handed on: those of which there are very many are used again.
 */
export type BinlogEvent = {
  readonly timestamp: number;
  readonly nextOffset: number;
} & (
  | { readonly kind: 'format' }
  | { readonly kind: 'rotate'; readonly file: string; readonly offset: number }
  | { readonly kind: 'previous-gtids'; readonly gtidSet: string }
  /**
   * `gtid` is undefined for an anonymous transaction; `committedAt` in ms where the event carries it. `prepares` is
   * the xid that MariaDB names when the group ends in XA PREPARE.
   */
  | {
      readonly kind: 'gtid';
      readonly gtid: Gtid | undefined;
      readonly opens: GroupKind;
      readonly committedAt: number | undefined;
      readonly prepares: string | undefined;
    }
  | { readonly kind: 'begin' }
  | {
      readonly kind: 'statement';
      readonly schema: string;
      readonly text: string;
      /** Keys that its comments name, where such hints are wanted. */
      readonly hints?: readonly string[];
    }
  /** Keys that comments of a statement name whose rows follow. */
  | { readonly kind: 'hints'; readonly hints: readonly string[] }
  /** The array is the receiver's to keep and to add to. */
  | { readonly kind: 'rows'; readonly changes: RowChange[]; readonly bytes: number }
  /** Rows of unstale's own state tables. */
  | { readonly kind: 'own-rows' }
  | { readonly kind: 'commit' }
  /** `xid` as `gtrid,bqual,format`, the first two in hexadecimal. */
  | { readonly kind: 'xa-prepare'; readonly onePhase: boolean; readonly xid: string }
  | { readonly kind: 'heartbeat'; readonly file: string; readonly offset: number }
  /** The server says that it lost events, or executed a statement that cannot be attributed to tables. */
  | { readonly kind: 'blind' }
  | { readonly kind: 'other' }
);
