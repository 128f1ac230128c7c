import { readdir } from 'node:fs/promises';
import { InvalidArgumentError } from 'commander';
import type { Command } from 'commander';
import { UnstaleError } from '../errors/unstale-error.ts';
import { isSupervised } from '../supervisor/control-client.ts';
import { openLog } from '../supervisor/log-follow.ts';
import { endOfInterest } from './end-of-interest.ts';
import { logOf, SUPERVISOR_NAME } from './supervisor-files.ts';
import { askForReport, directoriesOf, withRunDirectoryFlag } from './supervisor-request.ts';
import type { DirectoryFlags } from './supervisor-request.ts';

interface LogsFlags extends DirectoryFlags {
  readonly follow?: boolean;
  readonly lines: number;
}

/** `unstale logs`: what the daemons of a supervisor have written; also after it has ended. */
export function addLogsCommand(program: Command): void {
  withRunDirectoryFlag(program.command('logs'))
    .argument('[client_id]', `the daemon, or ${SUPERVISOR_NAME}; all if absent`)
    .description('show the last lines of the logs')
    .option('-n, --lines <n>', 'lines of each log', parseLines, 100)
    .option('-f, --follow', 'go on with new lines, until Ctrl-C')
    .option('--log-dir <directory>', 'where the logs are (UNSTALE_LOG_DIR)')
    .addHelpText('after', '\nExample:\n  $ unstale logs -f shop')
    .action(async (name: string | undefined, flags: LogsFlags) => {
      const directory = await logDirectoryOf(flags);
      const names = name === undefined ? await namesIn(directory) : [name];
      const print = (line: string): void => void process.stdout.write(`${line}\n`);
      const signal = endOfInterest();
      const logs = await Promise.all(names.map((one) => openLog(logOf(directory, one), flags.lines)));
      try {
        const lines = logs.flatMap((log) => log.lines);
        for (const line of lines) print(line);
        if (flags.follow) await Promise.all(logs.map((log) => log.follow(print, signal)));
        else if (lines.length === 0 && flags.lines > 0)
          throw new UnstaleError('UNSTALE_USAGE', `no log of ${name ?? 'any daemon'} in ${directory}`);
      } finally {
        await Promise.all(logs.map((log) => log.close()));
      }
    });
}

/** @throws UnstaleError UNSTALE_USAGE when the running supervisor writes no logs */
async function logDirectoryOf(flags: LogsFlags): Promise<string> {
  const { run, log } = directoriesOf(flags);
  if (flags.logDir !== undefined || !(await isSupervised(run))) return log;
  const { supervisor } = await askForReport(run);
  if (supervisor.log_directory !== null) return supervisor.log_directory;
  throw new UnstaleError(
    'UNSTALE_USAGE',
    'the supervisor runs with --foreground: its output holds the logs, e.g. journalctl -u unstale',
  );
}

async function namesIn(directory: string): Promise<readonly string[]> {
  const files = await readdir(directory).catch(() => []);
  return files.filter((file) => file.endsWith('.log')).map((file) => file.slice(0, -'.log'.length));
}

function parseLines(text: string): number {
  if (/^\d{1,7}$/.test(text)) return Number(text);
  throw new InvalidArgumentError('write a number');
}
