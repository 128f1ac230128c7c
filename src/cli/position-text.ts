import type { PositionReport } from '../operator/position-report.ts';
import type { ShownPosition } from '../operator/shown-position.ts';

/** What the running daemon tells of its positions. */
export interface RunningPositions {
  readonly state: string;
  /** `file:offset` */
  readonly received: string | null;
  readonly applied: string | null;
  readonly paused_by_operator: boolean;
}

/** Moments that are listed for people. */
const LISTED = 15;

/** @param now ms since the epoch */
export function formatPositionReport(
  report: PositionReport,
  running: RunningPositions | null,
  now: number,
): string {
  const { stored, leader, source, history } = report;
  const lines: [string, string][] = [];
  if (stored === null) {
    lines.push(['stored', 'nothing: a start begins at source.init_position']);
  } else {
    lines.push(['stored', `${place(stored)}  ${ago(stored.stored_at, now)}, ${stored.stored_at}`]);
    if (stored.gtid_set !== null) lines.push(['', `GTID set ${stored.gtid_set}`]);
    lines.push(['', `server ${stored.server}, epoch ${stored.epoch}, fencing token ${stored.fencing_token}`]);
    const same = stored.mapping_hash === report.mapping_hash ? 'that of the configuration' : 'another one';
    lines.push(['mapping', `${stored.mapping_hash} (${same})`]);
  }
  lines.push(['leader', leader === null ? 'no daemon holds the lock' : describeLeader(leader)]);
  if (running === null) lines.push(['daemon', 'none answers on admin.listen']);
  else {
    const paused = running.paused_by_operator ? ', paused by the operator' : '';
    lines.push(['daemon', `${running.state}${paused}`]);
    lines.push(['', `received ${running.received ?? 'nothing'}, applied ${running.applied ?? 'nothing'}`]);
  }
  lines.push(['source', describeSource(source)]);
  lines.push(['history', describeHistory(history)]);
  for (const entry of history.slice(-LISTED).toReversed()) {
    lines.push(['', `${entry.at}  ${place(entry)}  ${ago(entry.at, now)}`]);
  }
  return lines.map(([name, text]) => `${name.padEnd(9)}${text}`).join('\n');
}

function describeLeader({
  holder,
  since,
  admin_address: address,
}: NonNullable<PositionReport['leader']>): string {
  return `${holder}${since === null ? '' : ` since ${since}`}${address === null ? '' : `, listens on ${address}`}`;
}

function describeSource(source: PositionReport['source']): string {
  if ('error' in source) return `cannot be asked: ${source.error}`;
  const { end, bytes_behind: behind, bytes_to_oldest_binlog: oldest, purge_near: near } = source;
  const distances = [
    ...(behind === null ? [] : [`${behind} bytes behind the stored position`]),
    ...(oldest === null ? [] : [`${oldest} bytes from the oldest binlog to it`]),
    ...(near === true ? ['its binlog is near the purge'] : []),
  ];
  return [`ends at ${place(end)}`, ...distances].join(', ');
}

function describeHistory(history: PositionReport['history']): string {
  const oldest = history[0];
  if (oldest === undefined) return 'no moment that one can go back to';
  const more = history.length > LISTED ? `; the newest ${LISTED} are listed, --json has all` : '';
  return `${history.length} moments that one can go back to, the oldest ${oldest.at}${more}`;
}

function place({ file, offset }: ShownPosition): string {
  return `${file}:${offset}`;
}

function ago(moment: string, now: number): string {
  const seconds = Math.max(0, Math.round((now - Date.parse(moment)) / 1000));
  if (seconds < 120) return `${seconds} s ago`;
  const minutes = Math.round(seconds / 60);
  if (minutes < 120) return `${minutes} min ago`;
  const hours = Math.round(minutes / 60);
  return hours < 48 ? `${hours} h ago` : `${Math.round(hours / 24)} days ago`;
}
