import type { SourcePosition } from '../change/position.ts';
import type { RowChange } from '../change/row-change.ts';
import type { CommitMark, ScopeReason, SourceEvent } from '../change/source-event.ts';
import type { TableRef } from '../change/table.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { BinlogEvent } from './binlog-event.ts';
import { parseExecutedGtids } from './gtid-set.ts';
import type { ExecutedGtids } from './gtid-set.ts';
import { classifyStatement, statementEffect } from './statement.ts';

const FOUR_GIB = 2 ** 32;

export interface AssemblerOptions {
  readonly flavour: 'mysql' | 'mariadb';
  /** Where the stream begins. */
  readonly start: SourcePosition;
  readonly mapped: readonly TableRef[];
  /** Binlog bytes after which a slice of a large transaction is handed on. */
  readonly sliceBytes: number;
  readonly emit: (event: SourceEvent) => void;
}

interface OpenTransaction {
  readonly mark: CommitMark;
  readonly committedAt: number | undefined;
  changes: RowChange[];
  bytes: number;
  slices: number;
  ownRows: boolean;
}

/**
 * Turns binlog events into transaction slices and keeps the position: file, unwrapped offset and GTID set.
 *
 * The position moves only where a transaction ends, so it can always be resumed. Transactions without a
 * mapped row move it too (`idle`), except those that hold nothing but unstale's own position row: a write
 * that causes a write would never end.
 */
export class TransactionAssembler {
  readonly #options: AssemblerOptions;
  #file: string;
  #offset: number;
  #fileCreatedAt: number;
  #gtids: ExecutedGtids | undefined;
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

  /** The place after the last complete transaction. */
  get position(): SourcePosition {
    const gtidSet = this.#gtids?.toString();
    return {
      serverUuid: this.#options.start.serverUuid,
      epoch: this.#options.start.epoch,
      file: this.#file,
      offset: this.#offset,
      fileCreatedAt: this.#fileCreatedAt,
      ...(gtidSet === undefined ? {} : { gtidSet }),
    };
  }

  /**
   * Takes the next event of the stream.
   * @throws UnstaleError for what cannot be followed (two-phase XA on mapped tables).
   */
  accept(event: BinlogEvent): void {
    switch (event.kind) {
      case 'format':
        // Artificial copies (log_pos 0) are sent on every connect, with the file's own timestamp.
        this.#fileCreatedAt = event.timestamp / 1000;
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
        this.#begin(event.gtid, event.committedAt, event.nextOffset);
        this.#awaitsGroupEnd = event.opens === 'transaction';
        break;
      case 'statement':
        this.#statement(event);
        break;
      case 'rows': {
        const transaction = this.#inTransaction();
        transaction.bytes += event.bytes;
        for (const change of event.changes) transaction.changes.push(change);
        if (transaction.bytes >= this.#options.sliceBytes) this.#emitSlice(transaction, event.timestamp);
        break;
      }
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
        this.#emitScope(this.#options.mapped, 'gap', event.timestamp);
        break;
      case 'other':
        if (!this.#awaitsGroupEnd && this.#transaction === undefined) this.#moveTo(event.nextOffset);
        break;
    }
  }

  #statement(event: Extract<BinlogEvent, { kind: 'statement' }>): void {
    const kind = classifyStatement(event.text);
    switch (kind) {
      case 'begin':
        this.#inTransaction();
        break;
      case 'nested':
        break;
      case 'commit':
      case 'xa-end':
        this.#commit(event);
        break;
      case 'other':
      case 'other-then-rows': {
        const effect = statementEffect(event.text, event.schema, this.#options.mapped);
        if (effect !== undefined) this.#emitScope(effect.tables, effect.reason, event.timestamp);
        if (kind === 'other-then-rows') this.#inTransaction();
        else if (!this.#awaitsGroupEnd) this.#commit(event);
        break;
      }
    }
  }

  #xaPrepare(event: Extract<BinlogEvent, { kind: 'xa-prepare' }>): void {
    const transaction = this.#transaction;
    if (
      !event.onePhase &&
      transaction !== undefined &&
      (transaction.changes.length > 0 || transaction.slices > 0)
    ) {
      throw new UnstaleError(
        'UNSTALE_XA_UNSUPPORTED',
        `a two-phase XA transaction changed mapped tables before ${this.#file}:${this.#unwrap(event.nextOffset)}`,
      );
    }
    this.#commit(event);
  }

  #begin(gtid: string | undefined, committedAt: number | undefined, nextOffset: number): void {
    this.#transaction = {
      mark: this.#mark(gtid, nextOffset),
      committedAt,
      changes: [],
      bytes: 0,
      slices: 0,
      ownRows: false,
    };
  }

  /** The end of the first event, because after a resumption by GTID the stream does not say where it is before. */
  #mark(gtid: string | undefined, nextOffset = 0): CommitMark {
    return { gtid, file: this.#file, offset: nextOffset > 0 ? this.#unwrap(nextOffset) : this.#offset };
  }

  #inTransaction(): OpenTransaction {
    this.#awaitsGroupEnd = true;
    if (this.#transaction === undefined) this.#begin(undefined, undefined, 0);
    const transaction = this.#transaction;
    if (transaction === undefined) throw new UnstaleError('UNSTALE_INTERNAL', 'no open transaction');
    return transaction;
  }

  #commit(event: BinlogEvent): void {
    const transaction = this.#transaction;
    this.#transaction = undefined;
    this.#awaitsGroupEnd = false;
    this.#moveTo(event.nextOffset);
    const gtid = transaction?.mark.gtid;
    if (gtid !== undefined) this.#gtids?.add(gtid);
    if (transaction !== undefined && (transaction.changes.length > 0 || transaction.slices > 0)) {
      this.#emitSlice(transaction, event.timestamp, this.position);
    } else if (!transaction?.ownRows) {
      this.#emitIdle();
    }
  }

  #emitSlice(transaction: OpenTransaction, timestamp: number, resumeAfter?: SourcePosition): void {
    const { changes, bytes, slices, mark } = transaction;
    transaction.changes = [];
    transaction.bytes = 0;
    transaction.slices += 1;
    this.#options.emit({
      kind: 'slice',
      slice: {
        mark,
        sliceNo: slices,
        changes,
        bytes,
        committedAt: transaction.committedAt ?? timestamp,
        ...(resumeAfter === undefined ? {} : { resumeAfter }),
      },
    });
  }

  #emitScope(tables: readonly TableRef[], reason: ScopeReason, timestamp: number): void {
    const transaction = this.#transaction;
    if (transaction !== undefined && transaction.changes.length > 0) this.#emitSlice(transaction, timestamp);
    const mark = transaction?.mark ?? this.#mark(undefined);
    this.#options.emit({ kind: 'scope', tables, reason, mark });
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
