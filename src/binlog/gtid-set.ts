import type { Gtid } from '../change/source-event.ts';
import { UnstaleError } from '../errors/unstale-error.ts';

/** The transactions that were seen, in the notation of the server that assigned the GTIDs. */
export interface ExecutedGtids {
  /** Adds one transaction. */
  add(gtid: Gtid): void;
  /**
   * What of `wanted`, a text in the same notation, is not in here; empty if all of it is.
   * @throws UnstaleError UNSTALE_POSITION_INVALID when it is no such text
   */
  missing(wanted: string): string;
  /** The set as the server writes it, canonical: sorted and merged. */
  toString(): string;
}

/** Parses a MySQL GTID set or a MariaDB GTID position; an empty text is an empty set of `flavour`. */
export function parseExecutedGtids(text: string, flavour: 'mysql' | 'mariadb'): ExecutedGtids {
  return flavour === 'mysql' ? MysqlGtidSet.parse(text) : MariadbGtidPosition.parse(text);
}

/** A GTID as the server writes it. */
export function formatGtid({ source, sequence }: Gtid, flavour: 'mysql' | 'mariadb'): string {
  return `${source}${flavour === 'mysql' ? ':' : '-'}${sequence}`;
}

/** Whether a text is written like a MySQL GTID set (`uuid:1-5`) or a MariaDB position (`0-1-5`). */
export function gtidFlavour(text: string): 'mysql' | 'mariadb' {
  return text.includes(':') ? 'mysql' : 'mariadb';
}

type Interval = [first: number, last: number];

const UUID = /^[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}$/;
const TAG = /^[a-z_][a-z0-9_]{0,31}$/;

/**
 * A MySQL GTID set, tags included (MySQL 8.3 and later): `uuid:1-5:9:tag:1-2,uuid:7`. Adding the successor
 * of the newest transaction, which is what a binlog does nearly always, costs one comparison.
 */
export class MysqlGtidSet implements ExecutedGtids {
  /** Source `uuid` or `uuid:tag` to its sorted, disjoint, non-adjacent intervals. */
  readonly #sources = new Map<string, Interval[]>();
  /** The source that grew last, and the set's text around the end of that source's newest interval. */
  #growing: string | undefined;
  #around: { readonly newest: Interval; readonly before: string; readonly after: string } | undefined;

  static parse(text: string): MysqlGtidSet {
    const set = new MysqlGtidSet();
    for (const block of text.replaceAll(/\s/g, '').toLowerCase().split(',')) {
      if (block === '') continue;
      const [uuid = '', ...items] = block.split(':');
      if (!UUID.test(uuid)) throw malformed(text);
      let source = uuid;
      let pending = true;
      for (const item of items) {
        if (TAG.test(item)) {
          if (source !== uuid && pending) throw malformed(text);
          source = `${uuid}:${item}`;
          pending = true;
          continue;
        }
        const bounds = /^(\d+)(?:-(\d+))?$/.exec(item);
        if (bounds === null) throw malformed(text);
        const first = parseGno(bounds[1] ?? '', text);
        set.#insert(source, first, bounds[2] === undefined ? first : parseGno(bounds[2], text));
        pending = false;
      }
      if (pending) throw malformed(text);
    }
    return set;
  }

  add({ source, sequence }: Gtid): void {
    if (this.#growing !== source) {
      this.#growing = source;
      this.#around = undefined;
    }
    const newest = this.#around?.newest ?? this.#sources.get(source)?.at(-1);
    if (newest !== undefined && newest[1] === sequence - 1) newest[1] = sequence;
    else this.#insert(source, sequence, sequence);
  }

  /** Whether one transaction is in the set. */
  contains({ source, sequence }: Gtid): boolean {
    const intervals = this.#sources.get(source) ?? [];
    return intervals.some(([first, last]) => first <= sequence && sequence <= last);
  }

  missing(wanted: string): string {
    const left = new MysqlGtidSet();
    for (const [source, intervals] of MysqlGtidSet.parse(wanted).#sources) {
      const known = this.#sources.get(source) ?? [];
      for (const [first, last] of intervals) {
        let from = first;
        for (const [knownFirst, knownLast] of known) {
          if (knownLast < from) continue;
          if (knownFirst > last) break;
          if (knownFirst > from) left.#insert(source, from, knownFirst - 1);
          from = knownLast + 1;
        }
        if (from <= last) left.#insert(source, from, last);
      }
    }
    return left.toString();
  }

  toString(): string {
    if (this.#around === undefined) return this.#render();
    const { newest, before, after } = this.#around;
    const text = before + String(newest[1]);
    return after === '' ? text : text + after;
  }

  /** Writes the set, and remembers what stands around the number that grows. */
  #render(): string {
    let text = '';
    let block = '';
    let before: string | undefined;
    let newest: Interval | undefined;
    for (const source of [...this.#sources.keys()].toSorted()) {
      const [uuid = '', tag] = source.split(':');
      if (uuid !== block) {
        text += `${text === '' ? '' : ','}${uuid}`;
        block = uuid;
      }
      if (tag !== undefined) text += `:${tag}`;
      for (const interval of this.#sources.get(source) ?? []) {
        const [first, last] = interval;
        text += `:${first}`;
        if (first === last) continue;
        if (source === this.#growing) {
          newest = interval;
          before = text;
        }
        text += `-${last}`;
      }
      if (newest !== this.#sources.get(source)?.at(-1) && source === this.#growing) newest = undefined;
    }
    if (newest !== undefined && before !== undefined) {
      const after = text.slice(before.length + 1 + String(newest[1]).length);
      this.#around = { newest, before: `${before}-`, after };
    }
    return text;
  }

  #insert(source: string, first: number, last: number): void {
    if (last < first) throw malformed(`${source}:${first}-${last}`);
    this.#around = undefined;
    const merged: Interval[] = [];
    const all: Interval[] = [...(this.#sources.get(source) ?? []), [first, last]];
    for (const [from, to] of all.toSorted((a, b) => a[0] - b[0])) {
      const previous = merged.at(-1);
      if (previous !== undefined && from <= previous[1] + 1) previous[1] = Math.max(previous[1], to);
      else merged.push([from, to]);
    }
    this.#sources.set(source, merged);
  }
}

/** A MariaDB GTID position: the last transaction of each replication domain, `0-1-1234,1-3-45`. */
export class MariadbGtidPosition implements ExecutedGtids {
  readonly #domains = new Map<number, Gtid>();
  /** The domain whose transaction was added last, as its source spells it. */
  #source = '';
  #domain = 0;

  static parse(text: string): MariadbGtidPosition {
    const position = new MariadbGtidPosition();
    for (const gtid of text.replaceAll(/\s/g, '').split(',')) {
      if (gtid === '') continue;
      const [, domain, server, sequence] = /^(\d+)-(\d+)-(\d+)$/.exec(gtid) ?? [];
      if (domain === undefined || server === undefined || sequence === undefined) throw malformed(gtid);
      position.add({ source: `${domain}-${server}`, sequence: parseGno(sequence, gtid) });
    }
    return position;
  }

  /** The newest transaction of a domain replaces the last one, even with a lower number: after a failover
   * within a domain the order of the binlog counts, not the sequence number. */
  add(gtid: Gtid): void {
    if (gtid.source !== this.#source) {
      this.#source = gtid.source;
      this.#domain = Number(gtid.source.slice(0, gtid.source.indexOf('-')));
    }
    this.#domains.set(this.#domain, gtid);
  }

  /** Whether the position lies at or behind a transaction, by the number in its domain. */
  reaches({ source, sequence }: Gtid): boolean {
    const last = this.#domains.get(Number(source.slice(0, source.indexOf('-'))));
    return last !== undefined && last.sequence >= sequence;
  }

  /** By the numbers in each domain, as `reaches`. */
  missing(wanted: string): string {
    const left = new MariadbGtidPosition();
    for (const gtid of MariadbGtidPosition.parse(wanted).#domains.values()) {
      if (!this.reaches(gtid)) left.add(gtid);
    }
    return left.toString();
  }

  toString(): string {
    return [...this.#domains]
      .toSorted(([a], [b]) => a - b)
      .map(([, gtid]) => formatGtid(gtid, 'mariadb'))
      .join(',');
  }
}

function parseGno(text: string, context: string): number {
  const gno = Number(text);
  if (!/^\d+$/.test(text) || !Number.isSafeInteger(gno) || gno < 1) throw malformed(context);
  return gno;
}

function malformed(text: string): UnstaleError {
  return new UnstaleError('UNSTALE_POSITION_INVALID', `"${text}" is not a GTID set`);
}
