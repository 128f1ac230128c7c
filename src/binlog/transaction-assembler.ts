import type { SourcePosition } from '../change/position.ts';
import type { RowChange } from '../change/row-change.ts';
import type { CommitMark, Gtid, ScopeReason, SourceEvent } from '../change/source-event.ts';
import type { TableInterests, TableReach } from '../change/table.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { BinlogEvent } from './binlog-event.ts';
import { parseExecutedGtids } from './gtid-set.ts';
import type { ExecutedGtids } from './gtid-set.ts';
import { bytesOfHints, MAX_PREPARED_BYTES, PreparedTransactions, tablesOf } from './prepared-transactions.ts';
import type { PreparedChanges } from './prepared-transactions.ts';
import { classifyStatement } from './statement/classify-statement.ts';
import { statementEffect } from './statement/statement-effect.ts';
import { xidOf } from './statement/xid.ts';
import { ALL_TABLES, boundedReaches } from './table-reaches.ts';

const FOUR_GIB = 2 ** 32;
/** Never added to: the first rows of a transaction bring an array of their own. */
const NO_ROWS: RowChange[] = [];
const NO_TABLES: readonly TableReach[] = [];
/** Never added to, either. */
const NO_HINTS = new Set<string>();
/** Hints after which a slice is handed on. */
const MAX_HINTS = 1000;

export interface AssemblerOptions {
  readonly flavour: 'mysql' | 'mariadb';
  /** Where the stream begins. */
  readonly start: SourcePosition;
  readonly interests: Pick<TableInterests, 'mayReach'>;
  /** Binlog bytes after which a slice of a large transaction is handed on. */
  readonly sliceBytes: number;
  /** Keys that comments name were too many to be kept until their XA transaction commits. */
  readonly onUnreadHint: () => void;
  readonly emit: (event: SourceEvent) => void;
}

interface OpenTransaction {
  gtid: Gtid | undefined;
  /** ms since the epoch. */
  committedAt: number | undefined;
  /** Of an XA transaction, whose rows are kept until it commits. */
  xid: string | undefined;
  mark: CommitMark | undefined;
  /** 32-bit end of its first event; 0 where the server gives none. */
  firstEnd: number;
  rows: RowChange[];
  /** Of an XA transaction with too many rows to keep them. */
  tables: readonly TableReach[];
  hints: Set<string>;
  bytes: number;
  slices: number;
  ownRows: boolean;
}

/**
 * Turns binlog events into transaction slices and keeps the position: file, unwrapped offset and GTID set.
 *
 * The position moves only where a transaction ends, so it can always be resumed. Transactions without a
 * mapped row move it too (`idle`), except those that hold nothing but unstale's own position row: a write
 * that causes a write would never end. While an XA transaction is prepared, the position stays before it.
 */
export class TransactionAssembler {
  readonly #options: AssemblerOptions;
  #file: string;
  #offset: number;
  #fileCreatedAt: number;
  #gtids: ExecutedGtids | undefined;
  readonly #prepared = new PreparedTransactions();
  /** One object for all transactions, which are too many to make one of each. */
  readonly #reused: OpenTransaction = {
    gtid: undefined,
    committedAt: undefined,
    xid: undefined,
    mark: undefined,
    firstEnd: 0,
    rows: NO_ROWS,
    tables: NO_TABLES,
    hints: NO_HINTS,
    bytes: 0,
    slices: 0,
    ownRows: false,
  };
  #transaction: OpenTransaction | undefined;
  #awaitsGroupEnd = false;
  #rotated = false;

  constructor(options: AssemblerOptions) {
    this.#options = options;
    this.#file = options.start.file;
    this.#offset = options.start.offset;
    this.#fileCreatedAt = options.start.fileCreatedAt;
    this.#gtids =
      options.start.gtidSet === undefined
        ? undefined
        : parseExecutedGtids(options.start.gtidSet, options.flavour);
  }

  /** The place to resume at: after the last complete transaction, but before the first that is only prepared. */
  get position(): SourcePosition {
    return this.#prepared.floor ?? this.#reached();
  }

  #reached(): SourcePosition {
    const { serverUuid, epoch } = this.#options.start;
    const [file, offset, fileCreatedAt] = [this.#file, this.#offset, this.#fileCreatedAt];
    if (this.#gtids === undefined) return { serverUuid, epoch, file, offset, fileCreatedAt };
    return { serverUuid, epoch, file, offset, fileCreatedAt, gtidSet: this.#gtids.toString() };
  }

  /**
   * Takes the next event of the stream.
   * @throws UnstaleError UNSTALE_EVENT_UNDECODABLE when a transaction begins before the last one has ended
   */
  accept(event: BinlogEvent): void {
    switch (event.kind) {
      case 'format':
        // Artificial copies (log_pos 0) are sent on every connect, with the file's own timestamp.
        this.#fileCreatedAt = event.timestamp;
        // A server that crashed while it wrote a transaction goes on in a new file without it.
        this.#transaction = undefined;
        this.#awaitsGroupEnd = false;
        this.#moveTo(event.nextOffset);
        if (this.#rotated) this.#emitIdle();
        this.#rotated = false;
        break;
      case 'rotate':
        // Artificial rotates (timestamp 0) open every connection and every file; only a real one is news.
        this.#rotated ||= event.timestamp > 0;
        this.#file = event.file;
        this.#offset = event.offset;
        break;
      case 'previous-gtids':
        this.#gtids ??= parseExecutedGtids(event.gtidSet, this.#options.flavour);
        this.#moveTo(event.nextOffset);
        break;
      case 'gtid':
        this.#begin(event.gtid, event.committedAt, event.prepares).firstEnd = event.nextOffset;
        this.#awaitsGroupEnd = event.opens === 'transaction';
        break;
      case 'begin':
        this.#inTransaction();
        break;
      case 'statement':
        this.#statement(event);
        break;
      case 'rows': {
        const transaction = this.#inTransaction();
        transaction.bytes += event.bytes;
        if (transaction.rows.length === 0) transaction.rows = event.changes;
        else for (const change of event.changes) transaction.rows.push(change);
        if (transaction.xid !== undefined) forgetExcess(transaction);
        else if (transaction.bytes >= this.#options.sliceBytes) this.#emitSlice(transaction, event.timestamp);
        break;
      }
      case 'hints':
        this.#addHints(this.#inTransaction(), event.hints, event.timestamp);
        break;
      case 'own-rows':
        this.#inTransaction().ownRows = true;
        break;
      case 'commit':
        this.#commit(event);
        break;
      case 'xa-prepare':
        this.#xaPrepare(event);
        break;
      case 'heartbeat':
        if (this.#awaitsGroupEnd || (event.file === this.#file && event.offset <= this.#offset)) break;
        this.#file = event.file;
        this.#offset = event.offset;
        this.#emitIdle();
        break;
      case 'blind':
        this.#emitScope(ALL_TABLES, 'gap', event.timestamp);
        break;
      case 'other':
        if (!this.#awaitsGroupEnd && this.#transaction === undefined) this.#moveTo(event.nextOffset);
        break;
    }
  }

  #statement(event: Extract<BinlogEvent, { kind: 'statement' }>): void {
    const kind = classifyStatement(event.text);
    if (event.hints !== undefined) {
      const transaction = this.#transaction ?? this.#begin(undefined, undefined, undefined);
      this.#addHints(transaction, event.hints, event.timestamp);
    }
    switch (kind) {
      case 'begin': {
        const transaction = this.#inTransaction();
        transaction.xid ??= xidOf(event.text);
        break;
      }
      case 'nested':
        break;
      case 'commit':
        this.#commit(event);
        break;
      case 'xa-commit':
      case 'xa-rollback':
        this.#endPrepared(event, kind);
        break;
      case 'other':
      case 'other-then-rows': {
        const effect = statementEffect(event.text, event.schema, this.#options.interests);
        if (effect !== undefined) this.#emitScope(effect.tables, effect.reason, event.timestamp);
        if (kind === 'other-then-rows') this.#inTransaction();
        else if (!this.#awaitsGroupEnd) this.#commit(event);
        break;
      }
    }
  }

  #xaPrepare(event: Extract<BinlogEvent, { kind: 'xa-prepare' }>): void {
    const transaction = this.#transaction;
    if (event.onePhase) {
      if (transaction !== undefined) {
        transaction.xid = undefined;
        this.#apply({ ...transaction, hints: [...transaction.hints] }, event.timestamp);
      }
    } else {
      const { rows, tables, hints, bytes } = this.#inTransaction();
      const kept = this.#prepared.add(event.xid, {
        before: this.#reached(),
        preparedAt: event.timestamp * 1000,
        rows,
        tables,
        hints: [...hints],
        bytes,
      });
      if (!kept) this.#options.onUnreadHint();
      this.#inTransaction().rows = NO_ROWS;
      this.#inTransaction().hints = NO_HINTS;
    }
    this.#commit(event);
  }

  /** XA COMMIT and XA ROLLBACK, in a group of their own. */
  #endPrepared(event: Extract<BinlogEvent, { kind: 'statement' }>, kind: 'xa-commit' | 'xa-rollback'): void {
    const xid = xidOf(event.text);
    const prepared = xid === undefined ? undefined : this.#prepared.take(xid);
    if (kind === 'xa-commit') {
      // Without its PREPARE its rows were written before the stream began, and nobody knows them.
      this.#apply(prepared ?? { rows: [], tables: ALL_TABLES, hints: [] }, event.timestamp);
    }
    this.#commit(event);
  }

  #apply({ rows, tables, hints }: PreparedChanges, timestamp: number): void {
    const transaction = this.#inTransaction();
    transaction.rows = [...rows];
    transaction.hints = new Set(hints);
    if (tables.length > 0) this.#emitScope(tables, 'unreadable', timestamp);
  }

  #markOf(transaction: OpenTransaction): CommitMark {
    const { gtid, firstEnd } = transaction;
    // After a resumption by GTID the stream does not say where the first event begins.
    const offset = firstEnd > 0 ? this.#unwrap(firstEnd) : this.#offset;
    transaction.mark ??= { gtid, epoch: this.#options.start.epoch, file: this.#file, offset };
    return transaction.mark;
  }

  #inTransaction(): OpenTransaction {
    this.#awaitsGroupEnd = true;
    return this.#transaction ?? this.#begin(undefined, undefined, undefined);
  }

  #begin(gtid: Gtid | undefined, committedAt: number | undefined, xid: string | undefined): OpenTransaction {
    const left = this.#transaction;
    if (left !== undefined && (isWanted(left) || left.slices > 0)) {
      throw new UnstaleError(
        'UNSTALE_EVENT_UNDECODABLE',
        `a transaction begins behind ${this.#file}:${this.#offset} before the one there has ended`,
      );
    }
    const transaction = this.#reused;
    transaction.gtid = gtid;
    transaction.committedAt = committedAt;
    transaction.xid = xid;
    transaction.mark = undefined;
    transaction.firstEnd = 0;
    transaction.rows = NO_ROWS;
    transaction.tables = NO_TABLES;
    transaction.hints = NO_HINTS;
    transaction.bytes = 0;
    transaction.slices = 0;
    transaction.ownRows = false;
    this.#transaction = transaction;
    return transaction;
  }

  #commit(event: BinlogEvent): void {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    this.#awaitsGroupEnd = false;
    // Before the position moves: the mark says where the transaction began.
    if (transaction !== undefined && isWanted(transaction)) this.#markOf(transaction);
    this.#moveTo(event.nextOffset);
    if (transaction?.gtid !== undefined) this.#gtids?.add(transaction.gtid);
    if (transaction !== undefined && (isWanted(transaction) || transaction.slices > 0)) {
      this.#emitSlice(transaction, event.timestamp, this.position);
    } else if (!transaction?.ownRows) {
      this.#emitIdle();
    }
  }

  #emitSlice(transaction: OpenTransaction, timestamp: number, resumeAfter?: SourcePosition): void {
    const { rows: changes, hints, bytes, slices: sliceNo } = transaction;
    const mark = this.#markOf(transaction);
    const committedAt = transaction.committedAt ?? timestamp * 1000;
    transaction.rows = NO_ROWS;
    transaction.hints = NO_HINTS;
    transaction.bytes = 0;
    transaction.slices += 1;
    const slice =
      resumeAfter === undefined
        ? { mark, sliceNo, changes, bytes, committedAt }
        : { mark, sliceNo, changes, bytes, committedAt, resumeAfter };
    this.#options.emit({
      kind: 'slice',
      slice: hints.size === 0 ? slice : { ...slice, hints: [...hints] },
    });
  }

  #addHints(transaction: OpenTransaction, found: readonly string[], timestamp: number): void {
    if (transaction.hints === NO_HINTS) transaction.hints = new Set();
    const { hints } = transaction;
    for (const hint of found) {
      if (hints.has(hint)) continue;
      hints.add(hint);
      transaction.bytes += Buffer.byteLength(hint);
    }
    if (transaction.xid !== undefined) {
      forgetExcess(transaction);
      if (transaction.bytes <= MAX_PREPARED_BYTES) return;
      this.#options.onUnreadHint();
      transaction.hints = NO_HINTS;
      transaction.bytes = 0;
    } else if (hints.size >= MAX_HINTS || transaction.bytes >= this.#options.sliceBytes) {
      this.#emitSlice(transaction, timestamp);
    }
  }

  #emitScope(tables: readonly TableReach[], reason: ScopeReason, timestamp: number): void {
    const transaction = this.#transaction;
    if (transaction?.xid !== undefined) {
      transaction.tables = boundedReaches([...transaction.tables, ...tables]);
      return;
    }
    if (transaction !== undefined && isWanted(transaction)) this.#emitSlice(transaction, timestamp);
    const mark =
      transaction === undefined
        ? { gtid: undefined, epoch: this.#options.start.epoch, file: this.#file, offset: this.#offset }
        : this.#markOf(transaction);
    const committedAt = transaction?.committedAt ?? timestamp * 1000;
    this.#options.emit({ kind: 'scope', tables, reason, committedAt, mark });
  }

  #emitIdle(): void {
    this.#options.emit({ kind: 'idle', position: this.position });
  }

  #moveTo(nextOffset: number): void {
    if (nextOffset > 0) this.#offset = this.#unwrap(nextOffset);
  }

  /** `log_pos` is 32-bit and wraps in a file over 4 GiB; inside one file offsets only grow. */
  #unwrap(nextOffset: number): number {
    const turns = Math.floor(this.#offset / FOUR_GIB);
    const candidate = turns * FOUR_GIB + nextOffset;
    return candidate >= this.#offset ? candidate : candidate + FOUR_GIB;
  }
}

/** Whether there is something to hand on. */
function isWanted({ rows, hints }: OpenTransaction): boolean {
  return rows.length > 0 || hints.size > 0;
}

/** Keeps no more rows than `PreparedTransactions` would take; of the others the tables. */
function forgetExcess(transaction: OpenTransaction): void {
  if (transaction.bytes <= MAX_PREPARED_BYTES) return;
  transaction.tables = tablesOf(transaction);
  transaction.rows = NO_ROWS;
  transaction.bytes = bytesOfHints(transaction.hints);
}
