import type { Command } from 'commander';
import { InvalidArgumentError, Option } from 'commander';
import type { AdminConfig, Config, InitPosition } from '../config/config.ts';
import { parseInitPosition } from '../config/init-position.ts';
import { ERROR_CATALOG } from '../errors/catalog.ts';
import type { ErrorCode } from '../errors/catalog.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { PositionChange } from '../operator/position-change.ts';
import { askDaemon, DaemonAbsent, reasonOf } from './daemon-request.ts';
import { parseBack, parseMoment } from './moment.ts';
import { configOf, withConfigFlags } from './options.ts';
import type { ConfigFlags } from './options.ts';
import { formatPositionReport } from './position-text.ts';
import type { RunningPositions } from './position-text.ts';

/** The daemon answers within 10 s, with what is under way if nothing else. */
const LONGEST_SILENCE = 20_000;
const STATUS_SILENCE = 3000;

interface JsonFlags extends ConfigFlags {
  readonly json?: boolean;
}

interface RewindFlags extends JsonFlags {
  readonly to?: string;
  readonly by?: string;
}

interface SetFlags extends JsonFlags {
  readonly skipChanges?: boolean;
}

/** `unstale position`: where the daemon is in the binlog, and going back. */
export function addPositionCommand(program: Command): void {
  const position = program
    .command('position')
    .description('show the stored position, go back to an earlier one, or set another one')
    .addHelpText('after', "\nExample:\n  $ unstale position rewind -c unstale.yaml --to '10 minutes ago'");
  addShow(position);
  addRewind(position);
  addSet(position);
}

function addShow(position: Command): void {
  withConfigFlags(position.command('show'))
    .description('show the stored position, the moments that one can go back to, and who leads')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ unstale position show -c unstale.yaml')
    .action(async (flags: JsonFlags) => {
      const config = await configOf(flags);
      const { reportPosition } = await import('../operator/position-report.ts');
      const [report, running] = await Promise.all([reportPosition(config), runningPositions(config.admin)]);
      console.log(
        flags.json
          ? JSON.stringify({ ...report, running }, null, 2)
          : formatPositionReport(report, running, Date.now()),
      );
    });
}

function addRewind(position: Command): void {
  withConfigFlags(position.command('rewind'))
    .description(
      'apply everything again that was applied since a moment, as deletes; through the daemon if it runs',
    )
    .addOption(
      new Option(
        '--to <moment>',
        "e.g. '10 minutes ago', '2026-11-29 21:00' or 2026-11-29T21:00:00Z",
      ).conflicts('by'),
    )
    .option('--by <duration>', 'how far back from now, e.g. 10m')
    .option('--json', 'print JSON')
    .addHelpText('after', "\nExample:\n  $ unstale position rewind -c unstale.yaml --to '10 minutes ago'")
    .action(async (flags: RewindFlags) => {
      const moment = momentOf(flags);
      const config = await configOf(flags);
      const change = await rewindAnywhere(config, moment);
      console.log(flags.json ? JSON.stringify(change, null, 2) : describeRewind(change));
    });
}

function addSet(position: Command): void {
  withConfigFlags(position.command('set'))
    .description('store another position, while no daemon runs')
    .argument('<position>', 'FILE:POS, a GTID set, latest or earliest', (text: string): InitPosition => {
      const parsed = parseInitPosition(text);
      if (parsed.ok) return parsed.value;
      throw new InvalidArgumentError(`${parsed.message}; ${parsed.remedy}`);
    })
    .option('--skip-changes', 'even if changes before it were never applied')
    .option('--json', 'print JSON')
    .addHelpText('after', '\nExample:\n  $ unstale position set -c unstale.yaml binlog.000042:4711')
    .action(async (target: InitPosition, flags: SetFlags) => {
      const config = await configOf(flags);
      const { setStopped } = await import('../operator/position-change.ts');
      const change = await setStopped(config, target, { skipChanges: flags.skipChanges ?? false });
      console.log(flags.json ? JSON.stringify(change, null, 2) : describeSet(change));
    });
}

function momentOf({ to, by }: RewindFlags): number {
  const now = Date.now();
  if (to !== undefined) return parseMoment(to, now);
  if (by !== undefined) return parseBack(by, now);
  throw new UnstaleError('UNSTALE_USAGE', 'write --to MOMENT or --by DURATION');
}

type Rewound = PositionChange | Readonly<Record<string, unknown>>;

/** Through the daemon that leads, wherever it listens; by itself where none does. */
async function rewindAnywhere(config: Config, moment: number): Promise<Rewound> {
  const { findLeader, rewindStopped } = await import('../operator/position-change.ts');
  let why: string;
  try {
    return await rewindThrough(config.admin, moment);
  } catch (error) {
    if (!mayBeElsewhere(error)) throw error;
    why = reasonOf(error);
    const address = (await findLeader(config))?.adminAddress;
    const elsewhere = address === undefined ? undefined : adminAt(address, config.admin);
    if (elsewhere !== undefined) return rewindThrough(elsewhere, moment);
    // Somebody answers there, who does not lead for now.
    if (!(error instanceof DaemonAbsent)) throw error;
  }
  return rewindStopped(config, moment, why);
}

function mayBeElsewhere(error: unknown): boolean {
  return error instanceof DaemonAbsent || asUnstaleError(error).code === 'UNSTALE_ACTION_REFUSED';
}

/** Another address than the one of the configuration, to be asked with its token. */
function adminAt(address: string, configured: AdminConfig | undefined): AdminConfig | undefined {
  const [, host = '', port = ''] = /^\[?([^\]]+?)\]?:(\d{1,5})$/.exec(address) ?? [];
  if (host === '' || (host === configured?.host && Number(port) === configured.port)) return undefined;
  return {
    host,
    port: Number(port),
    ...(configured?.token === undefined ? {} : { token: configured.token }),
  };
}

async function rewindThrough(admin: AdminConfig | undefined, moment: number): Promise<Rewound> {
  const path = `/position/rewind?to=${encodeURIComponent(new Date(moment).toISOString())}`;
  const { body } = await askDaemon(admin, { method: 'POST', path, silence: LONGEST_SILENCE });
  if (body['result'] !== 'refused') return body;
  const code = codeOf(body['code']);
  throw new UnstaleError(code, `the daemon refuses: ${String(body['message'])}`);
}

function codeOf(value: unknown): ErrorCode {
  const known = Object.keys(ERROR_CATALOG).find((code) => code === value);
  return isErrorCode(known) ? known : 'UNSTALE_ACTION_REFUSED';
}

function isErrorCode(text: string | undefined): text is ErrorCode {
  return text !== undefined && text in ERROR_CATALOG;
}

/** What the running daemon says; null if none answers. */
async function runningPositions(admin: AdminConfig | undefined): Promise<RunningPositions | null> {
  try {
    const { body } = await askDaemon(admin, { method: 'GET', path: '/status', silence: STATUS_SILENCE });
    const { position } = body;
    if (typeof position !== 'object' || position === null) return null;
    const place = (name: string): string | null => {
      const value: unknown = Reflect.get(position, name);
      if (typeof value !== 'object' || value === null) return null;
      return `${String(Reflect.get(value, 'file'))}:${String(Reflect.get(value, 'offset'))}`;
    };
    return {
      state: String(body['state']),
      received: place('received'),
      applied: place('applied'),
      paused_by_operator: body['paused_by_operator'] === true,
    };
  } catch (error) {
    if (error instanceof UnstaleError) return null;
    throw error;
  }
}

function describeRewind(change: Rewound): string {
  if (change['result'] === 'pending') {
    return 'under way: it begins once Redis has acknowledged what was read before; see the log or /status';
  }
  const from = placeOf(change['from']);
  return (
    `rewound to ${placeOf(change['to'])}, where the daemon was at ${String(change['at'])}; it was at ${from}.\n` +
    'What was applied since is applied again, as deletes: no value is stored before it is there again.'
  );
}

function describeSet({ to, from, skipped }: PositionChange): string {
  const was = from === null ? 'nothing was stored' : `it was ${placeOf(from)}`;
  const text = `set to ${placeOf(to)}; ${was}.`;
  if (skipped === undefined || skipped === null) return text;
  return (
    `${text}\nSkipped: ${skipped}. Start the daemon, and then delete the mapped keys, ` +
    'as docs/errors.md says under "Begin anew": what changed in between is not known.'
  );
}

function placeOf(value: unknown): string {
  if (typeof value !== 'object' || value === null) return 'nowhere';
  return `${String(Reflect.get(value, 'file'))}:${String(Reflect.get(value, 'offset'))}`;
}
