/** Events that are kept of each name; a stale key needs only the last ones to be explained. */
const KEPT = 60;

/** What happened to rows and their keys, to explain a stale one. */
export interface KeyHistory {
  /** A change of the row was committed, as seen by its writer. */
  wrote(id: number, kind: string): void;
  /** A reader did something with a key of the row. */
  read(id: number, what: string): void;
  /** Something that concerns all keys. */
  all(what: string): void;
  /** The last events of the row and of all, in the order in which they were seen. */
  of(id: number): readonly string[];
}

export function keyHistory(): KeyHistory {
  const start = performance.now();
  const ofRows = new Map<number, { readonly at: number; readonly text: string }[]>();
  const ofAll: { readonly at: number; readonly text: string }[] = [];
  const add = (id: number, text: string): void => {
    const events = ofRows.get(id) ?? [];
    ofRows.set(id, events);
    events.push({ at: performance.now() - start, text });
    if (events.length > KEPT) events.shift();
  };
  return {
    wrote: (id, kind) => add(id, `${kind} is committed`),
    read: add,
    all: (what) => void ofAll.push({ at: performance.now() - start, text: `--- ${what}` }),
    of: (id) =>
      [...(ofRows.get(id) ?? []), ...ofAll]
        .toSorted((one, other) => one.at - other.at)
        .map(({ at, text }) => `${at.toFixed(1)} ms: ${text}`),
  };
}
