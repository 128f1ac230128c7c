/** A commit to one row, as the binlog shows it. */
export interface SimulatedEvent {
  readonly row: number;
  /** Of the row as it is then, or of the row that is no more. */
  readonly version: number;
  readonly gone: boolean;
}

/** A row as somebody reads it. */
export interface SimulatedRow {
  readonly version: number;
  readonly gone: boolean;
}

/** What stands in the cache for the row. */
export function cachedText({ version, gone }: SimulatedRow): string {
  return gone ? 'absent' : `version ${version}`;
}

/** A database with one replica, in memory: commits are logged first, then visible, and replicated at any time. */
export class SimulatedSource {
  readonly events: SimulatedEvent[] = [];
  readonly #visible: boolean[] = [];
  #replicated = 0;
  readonly #rows: number;

  constructor(rows: number) {
    this.#rows = rows;
  }

  /** Rows that no commit holds locked. */
  unlocked(): number[] {
    return Array.from({ length: this.#rows }, (_, row) => row).filter(
      (row) => !this.events.some((event, index) => event.row === row && !this.#visible[index]),
    );
  }

  /** Logs a change of the row; a row that is gone is inserted again. */
  commit(row: number, deletes: boolean): void {
    const { version, gone } = this.primary(row);
    const removes = deletes && !gone;
    this.events.push({ row, version: removes ? version : version + 1, gone: removes });
    this.#visible.push(false);
  }

  /** Numbers of the events that are logged, and not visible. */
  hidden(): number[] {
    return this.#visible.flatMap((visible, index) => (visible ? [] : [index]));
  }

  show(event: number): void {
    this.#visible[event] = true;
  }

  /** How many events, from the first on, have passed the barrier. */
  passed(): number {
    const hidden = this.#visible.indexOf(false);
    return hidden < 0 ? this.events.length : hidden;
  }

  lag(): number {
    return this.events.length - this.#replicated;
  }

  replicate(): void {
    this.#replicated += 1;
  }

  primary(row: number): SimulatedRow {
    return this.#latest(row, (index) => this.#visible[index] === true);
  }

  replica(row: number): SimulatedRow {
    return this.#latest(row, (index) => index < this.#replicated);
  }

  /** Whether the replica has the transaction of this GTID. */
  hasExecuted(gtid: string): boolean {
    return this.#replicated > Number(gtid.split('-')[2]);
  }

  #latest(row: number, isSeen: (index: number) => boolean): SimulatedRow {
    const { events } = this;
    const index = events.findLastIndex((event, index) => event.row === row && isSeen(index));
    return events[index] ?? { version: 0, gone: false };
  }
}

export function gtidOf(event: number): string {
  return `0-1-${event}`;
}
