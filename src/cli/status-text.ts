import type { DaemonReport, SupervisorReport } from '../supervisor/daemon-report.ts';

/** What a table shows of a daemon that does not run. */
const NOTHING = '-';

/** The daemon follows changes, or stands by to do so. */
export function hasStarted({ state }: DaemonReport): boolean {
  return state === 'running' || state === 'standby';
}

/** What `unstale start` says: a line a daemon, and what to do about those that do not run. */
export function formatStart({ supervisor, daemons }: SupervisorReport): string {
  const lines = daemons.flatMap((daemon) => {
    const { client_id: name, pid } = daemon;
    if (hasStarted(daemon)) return [`${name}: ${daemon.state} (pid ${pid})`];
    return [`${name}: ${stateOf(daemon)}`, ...errorOf(daemon)];
  });
  return [
    ...lines,
    `supervisor: pid ${supervisor.pid}, logs in ${supervisor.log_directory ?? 'its output'}`,
  ].join('\n');
}

/** What `unstale status` says. */
export function formatStatus({ supervisor, daemons }: SupervisorReport): string {
  const head = `supervisor: pid ${supervisor.pid}, up ${formatAge(supervisor.uptime_seconds)}, ${supervisor.run_directory}`;
  const table = [
    ['daemon', 'state', 'leader', 'position', 'lag', 'rows/s', 'up', 'restarts', 'pid'],
    ...daemons.map(rowOf),
  ];
  const widths =
    table[0]?.map((_, column) => Math.max(...table.map((row) => row[column]?.length ?? 0))) ?? [];
  const lines = table.map((row) =>
    row
      .map((cell, column) => cell.padEnd(widths[column] ?? 0))
      .join('  ')
      .trimEnd(),
  );
  const errors = daemons.flatMap((daemon) => {
    const lines = errorOf(daemon);
    return lines.length === 0 ? [] : [`${daemon.client_id}:`, ...lines];
  });
  return [head, ...lines, ...errors].join('\n');
}

function rowOf(daemon: DaemonReport): readonly string[] {
  const status = daemon.daemon ?? {};
  const leader = read(status, 'leader');
  const lag = read(status, 'lag_ms');
  const rate = read(read(status, 'rates'), 'row_changes_per_second');
  return [
    daemon.client_id,
    stateOf(daemon),
    leader === true ? 'yes' : leader === false ? 'no' : NOTHING,
    positionOf(status),
    typeof lag === 'number' ? `${lag} ms` : NOTHING,
    typeof rate === 'number' ? String(rate) : NOTHING,
    daemon.uptime_seconds === null ? NOTHING : formatAge(daemon.uptime_seconds),
    String(daemon.restarts),
    daemon.pid === null ? NOTHING : String(daemon.pid),
  ];
}

function stateOf({ state, next_start_in_seconds: next }: DaemonReport): string {
  switch (state) {
    case 'waiting':
      return `starts in ${next ?? 0} s`;
    case 'gave_up':
      return 'given up';
    case 'starting':
    case 'standby':
    case 'running':
    case 'draining':
    case 'failed':
    case 'stopped':
    case 'unresponsive':
      return state;
  }
}

/** Applied, or else stored: what has happened to the cache. */
function positionOf(status: object): string {
  const position = read(status, 'position');
  for (const stage of ['applied', 'stored', 'received']) {
    const reached = read(position, stage);
    const [file, offset] = [read(reached, 'file'), read(reached, 'offset')];
    if (typeof file === 'string') return `${file}:${String(offset)}`;
  }
  return NOTHING;
}

function errorOf({ last_error: error }: DaemonReport): readonly string[] {
  if (error === null) return [];
  const message = error.message.split('\n').join('\n    ');
  return [
    `  last error: ${message} (${error.code})`,
    ...(error.hint === '' ? [] : [`  hint: ${error.hint}`]),
  ];
}

function read(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}

/** The two largest units, e.g. `3h 12m`. */
function formatAge(seconds: number): string {
  const [days, hours, minutes] = [seconds / 86_400, (seconds / 3600) % 24, (seconds / 60) % 60].map(
    Math.floor,
  );
  if (days !== undefined && days > 0) return `${days}d ${hours}h`;
  if (hours !== undefined && hours > 0) return `${hours}h ${minutes}m`;
  if (minutes !== undefined && minutes > 0) return `${minutes}m ${Math.floor(seconds % 60)}s`;
  return `${Math.floor(seconds)}s`;
}
