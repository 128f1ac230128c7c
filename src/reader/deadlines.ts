/** Something that ends by itself, or is ended when its time is over. */
export interface Deadline {
  /** Its end came first: no longer watched. */
  clear(): void;
}

/** Deadlines that are all equally long, under one timer: a call costs a place in a list, not a timer. */
export interface Deadlines {
  /**
   * Calls `onExpired` in `afterMs`, and later by what the event loop stood still, unless it is cleared. `now` is
   * `performance.now()`.
   */
  add(now: number, onExpired: () => void): Deadline;
  /** How many are watched. */
  readonly size: number;
  /** Forgets all of them. */
  close(): void;
}

class Entry implements Deadline {
  previous: Entry;
  next: Entry;
  readonly at: number;
  readonly onExpired: () => void;
  readonly list: List | undefined;

  constructor(list: List | undefined, at: number, onExpired: () => void) {
    this.list = list;
    this.at = at;
    this.onExpired = onExpired;
    this.previous = this;
    this.next = this;
  }

  clear(): void {
    if (this.next === this) return;
    this.previous.next = this.next;
    this.next.previous = this.previous;
    this.previous = this;
    this.next = this;
    const { list } = this;
    if (list === undefined) return;
    list.size -= 1;
    // A process with nothing to wait for may end.
    if (list.size === 0) list.timer?.unref();
  }
}

interface List {
  size: number;
  timer: NodeJS.Timeout | undefined;
}

export function createDeadlines(afterMs: number): Deadlines {
  const list: List = { size: 0, timer: undefined };
  /** Before the first and after the last; oldest first, which is the order in which they expire. */
  const head = new Entry(undefined, 0, () => undefined);
  let closed = false;

  const arm = (ms: number): void => {
    const due = performance.now() + ms;
    list.timer = setTimeout(() => {
      // For so long the event loop stood still: some clients have not even sent what was asked for before that.
      const stalledMs = performance.now() - due;
      list.timer = setTimeout(
        () => {
          // Replies that wait in the sockets are read before this is called.
          setImmediate(sweep);
        },
        Math.min(Math.max(1, stalledMs), afterMs),
      );
      if (list.size === 0) list.timer.unref();
    }, ms);
  };

  const sweep = (): void => {
    list.timer = undefined;
    const now = performance.now();
    while (head.next !== head && head.next.at <= now) {
      const expired = head.next;
      expired.clear();
      expired.onExpired();
    }
    if (head.next !== head && list.timer === undefined && !closed) arm(Math.max(1, head.next.at - now));
  };

  return {
    get size() {
      return list.size;
    },
    add(now, onExpired) {
      const entry = new Entry(list, now + afterMs, onExpired);
      const last = head.previous;
      last.next = entry;
      entry.previous = last;
      entry.next = head;
      head.previous = entry;
      list.size += 1;
      if (list.timer === undefined) {
        if (!closed) arm(afterMs);
      } else if (list.size === 1) list.timer.ref();
      return entry;
    },
    close() {
      closed = true;
      clearTimeout(list.timer);
      list.timer = undefined;
      while (head.next !== head) head.next.clear();
    },
  };
}
