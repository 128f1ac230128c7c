import { ReaderError } from './errors.ts';

/** First and last transaction, both included. */
type Interval = readonly [first: bigint, last: bigint];

/**
 * A set of transactions. MySQL's names intervals for each server's UUID, and for each tag of it; MariaDB's is the
 * last sequence number of each domain, which stands for all before it.
 */
export type GtidSet =
  | { readonly flavour: 'mysql'; readonly intervals: ReadonlyMap<string, readonly Interval[]> }
  | { readonly flavour: 'mariadb'; readonly last: ReadonlyMap<string, bigint> };

const UUID = /^[\da-f]{8}-[\da-f]{4}-[\da-f]{4}-[\da-f]{4}-[\da-f]{12}$/;
const TAG = /^[a-z_][a-z\d_]{0,31}$/;
const INTERVAL = /^(\d{1,19})(?:-(\d{1,19}))?$/;
const MARIADB = /^(\d{1,10})-\d{1,10}-(\d{1,20})$/;

/**
 * Reads `uuid:1-5:7,uuid:tag:1-3` (MySQL) or `0-1-100,1-2-7` (MariaDB); spaces and new lines do not count.
 * @throws ReaderError UNSTALE_READER_GTID for another text; for an empty one too, which says nothing
 */
export function parseGtidSet(text: string): GtidSet {
  const parts = text
    .toLowerCase()
    .split(',')
    .map((part) => part.replaceAll(/\s/g, ''))
    .filter((part) => part !== '');
  const set = parts.length === 0 ? undefined : (parseMariadb(parts) ?? parseMysql(parts));
  if (set === undefined) throw new ReaderError('UNSTALE_READER_GTID', JSON.stringify(text.slice(0, 100)));
  return set;
}

/** Whether `set` has everything that `wanted` has. Sets of the two flavours have nothing in common. */
export function containsGtids(set: GtidSet, wanted: GtidSet): boolean {
  if (set.flavour === 'mariadb') {
    return (
      wanted.flavour === 'mariadb' &&
      [...wanted.last].every(([domain, sequence]) => (set.last.get(domain) ?? -1n) >= sequence)
    );
  }
  return (
    wanted.flavour === 'mysql' &&
    [...wanted.intervals].every(([name, intervals]) => {
      const known = set.intervals.get(name) ?? [];
      return intervals.every(([first, last]) => known.some(([from, to]) => from <= first && last <= to));
    })
  );
}

/** One set in the server's notation that has all of both kinds of texts: '' and equal ones count once. */
export function joinGtids(texts: readonly string[]): string {
  const known = [...new Set(texts.filter((text) => text !== ''))];
  const sets = known.map((text) => parseMariadb(text.split(',').map((part) => part.trim())));
  if (known.length < 2 || sets.includes(undefined)) return known.join(',');
  // MariaDB takes each domain once.
  const newest = new Map<string, string>();
  for (const gtid of known.flatMap((text) => text.split(',')).map((part) => part.trim())) {
    const [domain = '', , sequence = ''] = gtid.split('-');
    const other = newest.get(domain)?.split('-')[2];
    if (other === undefined || BigInt(other) < BigInt(sequence)) newest.set(domain, gtid);
  }
  return [...newest.values()].join(',');
}

function parseMariadb(parts: readonly string[]): GtidSet | undefined {
  const last = new Map<string, bigint>();
  for (const part of parts) {
    const [, domain = '', sequence = ''] = MARIADB.exec(part) ?? [];
    if (domain === '') return undefined;
    const number = BigInt(sequence);
    if ((last.get(domain) ?? -1n) < number) last.set(domain, number);
  }
  return { flavour: 'mariadb', last };
}

function parseMysql(parts: readonly string[]): GtidSet | undefined {
  const intervals = new Map<string, Interval[]>();
  for (const part of parts) {
    const [uuid = '', ...rest] = part.split(':');
    if (!UUID.test(uuid) || rest.length === 0) return undefined;
    // Intervals belong to the tag before them, or to no tag.
    let name = uuid;
    for (const piece of rest) {
      const [, first = '', last = first] = INTERVAL.exec(piece) ?? [];
      if (first === '') {
        if (!TAG.test(piece)) return undefined;
        name = `${uuid}:${piece}`;
        continue;
      }
      const interval: Interval = [BigInt(first), BigInt(last)];
      if (interval[0] < 1n || interval[1] < interval[0]) return undefined;
      const known = intervals.get(name);
      if (known === undefined) intervals.set(name, [interval]);
      else known.push(interval);
    }
    if (name !== uuid && !intervals.has(name)) return undefined;
  }
  for (const [name, list] of intervals) intervals.set(name, merge(list));
  return { flavour: 'mysql', intervals };
}

/** In order, and neighbours as one, so that an interval that is contained lies within one of these. */
function merge(intervals: readonly Interval[]): Interval[] {
  const merged: Interval[] = [];
  for (const interval of intervals.toSorted(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0))) {
    const previous = merged.at(-1);
    if (previous === undefined || interval[0] > previous[1] + 1n) merged.push(interval);
    else if (interval[1] > previous[1]) merged[merged.length - 1] = [previous[0], interval[1]];
  }
  return merged;
}
