import { resolve } from 'node:path';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import type { Settings } from '../config/config.ts';
import { parseDuration, parseSize } from '../config/durations.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { SupervisorPlan } from '../supervisor/plan.ts';
import { settingsOf } from './options.ts';
import { SUPERVISOR_NAME } from './supervisor-files.ts';
import { directoriesOf, withRunDirectoryFlag } from './supervisor-request.ts';
import type { DirectoryFlags } from './supervisor-request.ts';

interface StartFlags extends DirectoryFlags {
  readonly config?: readonly string[];
  readonly foreground?: boolean;
  readonly logMaxSize: number;
  readonly logKeep: number;
  readonly maxRestartDelay: number;
  readonly timeout: number;
}

/** What `unstale start` is to start. */
export interface StartRequest {
  readonly plan: SupervisorPlan;
  /** Longest wait for the daemons to be ready, ms. */
  readonly timeout: number;
}

/** A file has to hold some lines. */
const SMALLEST_LOG = 65_536;

/**
 * `unstale start`: daemons that are kept running, by a supervisor.
 *
 * @param start what is done once the configurations are right
 */
export function addStartCommand(program: Command, start: (request: StartRequest) => Promise<void>): void {
  withRunDirectoryFlag(program.command('start'))
    .description(
      'run a daemon for each configuration, restart those that crash; in the background unless told otherwise',
    )
    .option(
      '-c, --config <file>',
      'configuration file (repeatable; unstale.yaml if absent)',
      (file: string, all: readonly string[] | undefined) => [...(all ?? []), file],
    )
    .option('--foreground', 'stay, and write the logs to standard output: for systemd and containers')
    .option('--log-dir <directory>', 'where the logs are (UNSTALE_LOG_DIR)')
    .option('--log-max-size <size>', 'a log that has grown so much is rotated', parseLogSize, 64 * 1024 ** 2)
    .option('--log-keep <n>', 'rotated logs that are kept of each daemon', parseKeep, 5)
    .option(
      '--max-restart-delay <duration>',
      'longest pause before a crashed daemon is started',
      parseTime,
      60_000,
    )
    .option('--timeout <duration>', 'longest wait for the daemons to be ready', parseTime, 60_000)
    .addHelpText(
      'after',
      `
Examples:
  $ unstale start -c shop.yaml -c cart.yaml
  $ unstale start -c unstale.yaml --foreground

Exit code 0: all are ready or stand by, 1: at least one is not; the supervisor goes on and unstale status tells of it.`,
    )
    .action(async (flags: StartFlags) => {
      const files = [...new Set((flags.config ?? ['unstale.yaml']).map((file) => resolve(file)))];
      const settings = await readAll(files);
      refuseClashes(files, settings);
      const { run, log } = directoriesOf(flags);
      await start({
        plan: {
          daemons: settings.map(({ clientId, shutdownTimeout }, index) => {
            return { clientId, shutdownTimeout, configFile: files[index] ?? '' };
          }),
          runDirectory: run,
          logDirectory: log,
          logMaxSize: flags.logMaxSize,
          logKeep: flags.logKeep,
          longestDelay: flags.maxRestartDelay,
          foreground: flags.foreground ?? false,
        },
        timeout: flags.timeout,
      });
    });
}

/** @throws UnstaleError with what is wrong with any of them */
async function readAll(files: readonly string[]): Promise<readonly Settings[]> {
  const errors: UnstaleError[] = [];
  const all: Settings[] = [];
  for (const config of files) {
    try {
      const settings = await settingsOf({ config });
      const { compileConfig } = await import('../config/compile-config.ts');
      compileConfig(settings);
      all.push(settings);
    } catch (error) {
      errors.push(asUnstaleError(error));
    }
  }
  const [first] = errors;
  if (first === undefined) return all;
  throw errors.length === 1
    ? first
    : new UnstaleError(first.code, errors.map(({ message }) => message).join('\n'));
}

/** @throws UnstaleError UNSTALE_CONFIG_INVALID for configurations that cannot run side by side */
function refuseClashes(files: readonly string[], all: readonly Settings[]): void {
  const taken = new Map<string, string>([
    [`the client_id ${SUPERVISOR_NAME}`, 'the supervisor, whose log has this name'],
  ]);
  for (const [index, { clientId, admin }] of all.entries()) {
    const file = files[index] ?? '';
    const wanted = [`the client_id ${clientId}`];
    if (admin !== undefined && admin.port !== 0) wanted.push(`admin.listen ${admin.host}:${admin.port}`);
    for (const name of wanted) {
      const other = taken.get(name);
      if (other !== undefined)
        throw new UnstaleError(
          'UNSTALE_CONFIG_INVALID',
          `${file}: ${name} is also that of ${other}; choose another`,
        );
      taken.set(name, file);
    }
  }
}

function parseLogSize(text: string): number {
  const parsed = parseSize(text);
  if (parsed.ok && parsed.value >= SMALLEST_LOG) return parsed.value;
  throw new InvalidArgumentError('write for example 64MiB, at least 64KiB');
}

function parseKeep(text: string): number {
  if (/^\d{1,3}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('write a number from 0 to 999');
}

function parseTime(text: string): number {
  const parsed = parseDuration(text);
  if (parsed.ok && parsed.value > 0) return parsed.value;
  throw new InvalidArgumentError('write for example 60s');
}
