import type { CommitMark } from './source-event.ts';

/** The GTIDs of transactions as replicas know them, or '' where one has none. */
export function gtidsOf(marks: readonly CommitMark[]): string {
  const bySource = new Map<string, { first: number; last: number }[]>();
  for (const { gtid } of marks) {
    if (gtid === undefined) return '';
    const ranges = bySource.get(gtid.source) ?? [];
    bySource.set(gtid.source, ranges);
    const last = ranges.at(-1);
    if (last !== undefined && last.last + 1 === gtid.sequence) last.last = gtid.sequence;
    else ranges.push({ first: gtid.sequence, last: gtid.sequence });
  }
  return [...bySource].map(([source, ranges]) => formatGtids(source, ranges)).join(',');
}

/** MySQL: `uuid:1-5:7`; MariaDB, whose sources are `domain-server`: the last one stands for those before. */
function formatGtids(source: string, ranges: readonly { first: number; last: number }[]): string {
  if (/^\d+-\d+$/.test(source)) return `${source}-${Math.max(...ranges.map(({ last }) => last))}`;
  return [
    source,
    ...ranges.map(({ first, last }) => (first === last ? `${first}` : `${first}-${last}`)),
  ].join(':');
}

/** The transactions that a log line is about, to find them in the binlog; no field where one has no GTID. */
export function gtidField(marks: readonly CommitMark[]): { readonly gtid?: string } {
  const gtid = gtidsOf(marks);
  return gtid === '' ? {} : { gtid };
}
