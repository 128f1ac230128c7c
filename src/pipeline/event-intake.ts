import { deleteOf } from '../change/command.ts';
import type { BinlogPlace, SourcePosition } from '../change/position.ts';
import type { SourceEvent, TransactionSlice } from '../change/source-event.ts';
import type { MappedStream, NextStream } from './mapped-stream.ts';
import type { PipelineObserver } from './observer.ts';
import type { OpenBatch } from './open-batch.ts';
import type { Log } from './ports.ts';
import { ReplayedPart } from './replayed-part.ts';
import { RowMapper } from './row-mapper.ts';

/** What commands that comments ask for carry in place of a rule. */
const HINT = 'hint';
/** A statement's bytes are few, but never none: a scope that takes minutes has to be seen waiting. */
const SCOPE_BYTES = 1;

export interface EventIntakeOptions {
  /** What takes the commands. */
  readonly open: OpenBatch;
  readonly stream: MappedStream;
  readonly observer: PipelineObserver;
  readonly log: Log;
}

/** Turns the events of a source into the commands of the open batch, by the mapping in force. */
export class EventIntake {
  readonly #open: OpenBatch;
  readonly #observer: PipelineObserver;
  readonly #replayed: ReplayedPart;
  #stream: MappedStream;
  #mapper: RowMapper;
  #readTo: SourcePosition | undefined;

  constructor({ open, stream, observer, log }: EventIntakeOptions) {
    this.#open = open;
    this.#observer = observer;
    this.#replayed = new ReplayedPart(log);
    this.#stream = stream;
    this.#mapper = new RowMapper(stream.plan, observer);
  }

  /** End of the last complete transaction that was mapped. */
  get readTo(): SourcePosition | undefined {
    return this.#readTo;
  }

  /** What begins before `place` may have been applied already: none of its values is stored. */
  replayUntil(place: BinlogPlace): void {
    this.#replayed.begin(place);
  }

  accept(event: SourceEvent): void {
    switch (event.kind) {
      case 'slice':
        this.#acceptSlice(event.slice);
        break;
      case 'scope':
        this.#open.add(this.#stream.plan.scopes(event.tables, event.reason));
        if (event.mark !== undefined) this.#open.mark(event.mark);
        this.#open.account(SCOPE_BYTES, event.committedAt);
        this.#observer.scope(event.reason);
        break;
      case 'idle':
        this.#endAt(event.position);
        break;
      case 'epoch':
        this.#replayed.goOnElsewhere(event.end);
        this.#endAt(event.position);
        break;
    }
  }

  /** Maps by another stream's rules from now on, and begins with the commands that come with it. */
  switchTo(stream: NextStream): void {
    this.#stream = stream;
    if (stream.replaysFrom !== undefined) {
      if (this.#readTo !== undefined) this.#replayed.begin(this.#readTo);
      this.#readTo = stream.replaysFrom;
    }
    // The rest of a transaction that was cut off comes again from its beginning.
    this.#mapper = new RowMapper(stream.plan, this.#observer);
    if (stream.first.length === 0) return;
    this.#open.add(stream.first);
    this.#open.account(SCOPE_BYTES, Date.now());
  }

  #acceptSlice(slice: TransactionSlice): void {
    this.#mapper.map(slice.changes, slice.mark, this.#replayed.holds(slice.mark), this.#open);
    const hints = slice.hints ?? [];
    this.#open.add(hints.map((key) => deleteOf(key, HINT, this.#stream.hintGuard)));
    if (slice.changes.length > 0 || hints.length > 0) this.#open.mark(slice.mark);
    this.#open.account(slice.bytes, slice.committedAt);
    if (slice.resumeAfter === undefined) return;
    this.#endAt(slice.resumeAfter);
    this.#mapper.endTransaction();
  }

  #endAt(position: SourcePosition): void {
    this.#readTo = position;
    this.#open.endAt(position);
  }
}
