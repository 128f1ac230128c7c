import type { SourcePosition } from '../change/position.ts';
import type { RowChange } from '../change/row-change.ts';
import type { TableReach } from '../change/table.ts';
import { boundedReaches } from './table-reaches.ts';

/** What a prepared XA transaction changed: rows, and what is reached by those that were too many to keep. */
export interface PreparedChanges {
  readonly rows: readonly RowChange[];
  readonly tables: readonly TableReach[];
  /** Keys that comments name. */
  readonly hints: readonly string[];
}

export interface PreparedTransaction extends PreparedChanges {
  /** Where the binlog has to be resumed for this transaction's rows to be read again. */
  readonly before: SourcePosition;
  /** ms since the epoch, by the server's clock. */
  readonly preparedAt: number;
  /** Binlog bytes of the rows, and those of the hints. */
  readonly bytes: number;
}

/** Binlog bytes of the rows that are kept, over all transactions; in memory they take several times that. */
export const MAX_PREPARED_BYTES = 2 * 1024 * 1024;
/** How long the position waits for a transaction without mapped rows, ms by the server's clock. */
const PATIENCE = 60_000;
const MAX_TRANSACTIONS = 10_000;

/**
 * XA transactions between PREPARE, which writes their rows into the binlog, and COMMIT, which makes them visible and
 * may come days later. The position has to stay before the oldest of them, or a restart in between would see a
 * COMMIT whose rows it never read. Those without mapped rows hold it for a while only: forgetting one costs no more
 * than an invalidation of every scope when its COMMIT comes.
 */
export class PreparedTransactions {
  readonly #prepared = new Map<string, PreparedTransaction>();
  #bytes = 0;

  /** Notes a transaction that was prepared; one with the same xid is replaced. False if its hints were too many to keep. */
  add(xid: string, transaction: PreparedTransaction): boolean {
    this.take(xid);
    this.#forgetUnmapped(transaction.preparedAt);
    const kept = this.#fitting(transaction);
    this.#bytes += kept.bytes;
    this.#prepared.set(xid, kept);
    return kept.hints.length === transaction.hints.length;
  }

  #fitting(transaction: PreparedTransaction): PreparedTransaction {
    const left = MAX_PREPARED_BYTES - this.#bytes;
    if (transaction.bytes <= left) return transaction;
    const bytes = bytesOfHints(transaction.hints);
    const without = { ...transaction, rows: [], tables: tablesOf(transaction), bytes };
    return bytes <= left ? without : { ...without, hints: [], bytes: 0 };
  }

  /** What a transaction that ends now has changed; it is forgotten. Undefined when its PREPARE was not seen. */
  take(xid: string): PreparedChanges | undefined {
    const found = this.#prepared.get(xid);
    if (found === undefined) return undefined;
    this.#prepared.delete(xid);
    this.#bytes -= found.bytes;
    return found;
  }

  /** Where the binlog has to be resumed for nothing to be missed; undefined when no transaction is prepared. */
  get floor(): SourcePosition | undefined {
    // Asked after every transaction, nearly always in vain.
    if (this.#prepared.size === 0) return undefined;
    // They stand in the order of the binlog.
    for (const { before } of this.#prepared.values()) return before;
    return undefined;
  }

  #forgetUnmapped(now: number): void {
    for (const [xid, { rows, tables, hints, preparedAt }] of this.#prepared) {
      const full = this.#prepared.size >= MAX_TRANSACTIONS;
      if (!full && now - preparedAt <= PATIENCE) break;
      if (rows.length === 0 && tables.length === 0 && hints.length === 0) this.#prepared.delete(xid);
    }
  }
}

/** The tables of which a transaction changed rows, widened if they are many. */
export function tablesOf({ rows, tables }: Omit<PreparedChanges, 'hints'>): readonly TableReach[] {
  return boundedReaches([...tables, ...new Set(rows.map((row) => row.table))]);
}

/** What keys that comments name count for, bytes. */
export function bytesOfHints(hints: Iterable<string>): number {
  let bytes = 0;
  for (const hint of hints) bytes += Buffer.byteLength(hint);
  return bytes;
}
