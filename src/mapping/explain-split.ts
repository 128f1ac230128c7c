/** What is known of the text of a value in a key, besides its place. Lengths are in UTF-16 code units. */
export interface TextShape {
  readonly min: number;
  readonly max: number;
  /** The length is `min` and any number of these. */
  readonly step: 1 | 2 | 4;
  /** One character that the text may hold; any if undefined. */
  readonly allowed?: RegExp;
}

export const ANY_TEXT: TextShape = { min: 0, max: Infinity, step: 1 };

/** What a key is split into: literal, value, literal, … value, literal. There is one literal more than values. */
export interface SplitPattern {
  readonly literals: readonly string[];
  readonly shapes: readonly TextShape[];
}

/** The end of every place where what follows a value can begin, and a way to find the next one. */
interface Boundary {
  /** At each position: the next good one from here in steps of the value in front, or -1. */
  readonly next: Int32Array;
}

/**
 * All ways in which a key can be literals and values, one after the other: the texts of the values, with the earliest
 * values as short as possible first. Every step leads to a result, so that finding the first one takes time in
 * proportion to the key's length, and each further one to the number of values.
 */
export function* splitKey(key: string, { literals, shapes }: SplitPattern): Generator<readonly string[]> {
  const [first = ''] = literals;
  if (!key.startsWith(first)) return;
  if (shapes.length === 0) {
    if (key === first) yield [];
    return;
  }
  const reaches = shapes.map((shape) => reachOf(key, shape));
  const boundaries = boundariesOf(key, literals, shapes, reaches);
  const values: string[] = [];
  function* walk(index: number, start: number): Generator<readonly string[]> {
    const [shape, reach, boundary] = [shapes[index], reaches[index], boundaries[index]];
    if (shape === undefined || reach === undefined || boundary === undefined) {
      yield [...values];
      return;
    }
    const last = reach(start);
    let end = boundary.next[start + shape.min] ?? -1;
    while (end !== -1 && end <= last) {
      values.push(key.slice(start, end));
      yield* walk(index + 1, end + (literals[index + 1]?.length ?? 0));
      values.pop();
      end = boundary.next[end + shape.step] ?? -1;
    }
  }
  yield* walk(0, first.length);
}

/** Where the value that begins at a position has to end at the latest. */
function reachOf(key: string, { max, allowed }: TextShape): (start: number) => number {
  if (allowed === undefined) return (start) => Math.min(key.length, start + max);
  const ends = new Int32Array(key.length + 1);
  ends[key.length] = key.length;
  for (let at = key.length - 1; at >= 0; at -= 1) {
    ends[at] = allowed.test(key.charAt(at)) ? (ends[at + 1] ?? at) : at;
  }
  return (start) => Math.min(ends[start] ?? start, start + max);
}

/** From the last value to the first: where each may end, so that everything behind it fits. */
function boundariesOf(
  key: string,
  literals: readonly string[],
  shapes: readonly TextShape[],
  reaches: readonly ((start: number) => number)[],
): readonly Boundary[] {
  const boundaries: Boundary[] = [];
  let fits = (end: number): boolean => end === key.length;
  for (let index = shapes.length - 1; index >= 0; index -= 1) {
    const literal = literals[index + 1] ?? '';
    const rest = fits;
    const [shape, reach] = [shapes[index], reaches[index]];
    if (shape === undefined || reach === undefined) break;
    const next = new Int32Array(key.length + 1).fill(-1);
    for (let at = key.length; at >= 0; at -= 1) {
      const isGood = key.startsWith(literal, at) && rest(at + literal.length);
      next[at] = isGood ? at : (next[at + shape.step] ?? -1);
    }
    boundaries.unshift({ next });
    fits = (start) => {
      const end = next[start + shape.min] ?? -1;
      return end !== -1 && end <= reach(start);
    };
  }
  return boundaries;
}
