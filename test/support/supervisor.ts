import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, readFileSync, readdirSync } from 'node:fs';
import { mkdir, readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { freePort } from '../../scripts/servers/free-port.ts';
import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';
import { spawnTethered } from '../../scripts/servers/tether.ts';
import { isStillRunning, parseNoted } from '../../src/runtime/process-identity.ts';
import type { DaemonReport, SupervisorReport } from '../../src/supervisor/daemon-report.ts';
import { askSupervisor } from '../../src/supervisor/control-client.ts';
import { runCli } from './cli.ts';
import type { CliResult } from './cli.ts';
import { eventually } from './eventually.ts';

/** A supervisor that runs as a child of this process. */
export interface Foreground {
  signal(signal: NodeJS.Signals): void;
  /** What it has written. */
  lines(): readonly string[];
  readonly exited: Promise<{ readonly code: number | null; readonly signal: NodeJS.Signals | null }>;
}

/** A run directory with its supervisor, from the outside: by the commands, files and signals that an operator has. */
export interface Supervised {
  readonly runDirectory: string;
  readonly configFiles: readonly string[];
  /** Any command, in this run directory. */
  cli(...args: readonly string[]): Promise<CliResult>;
  /** `unstale start` with all configurations. */
  start(...args: readonly string[]): Promise<CliResult>;
  /** `unstale start --foreground` with all configurations. */
  foreground(environment: Readonly<Record<string, string>>): Promise<Foreground>;
  report(): Promise<SupervisorReport>;
  /** Resolves with the report once it fits; while no supervisor answers it is asked again. */
  until(
    what: string,
    fits: (report: SupervisorReport) => boolean,
    timeoutMs?: number,
  ): Promise<SupervisorReport>;
  /** Resolves when all daemons run. */
  running(timeoutMs?: number): Promise<SupervisorReport>;
  /** Of the supervisor; undefined when the pid file names none. */
  pid(): number | undefined;
  /** Processes of the supervisor and its daemons that run now, by what /proc tells of them. */
  processes(): Promise<readonly number[]>;
  log(name: string): string;
  /** Ends everything, in order if possible. */
  end(): Promise<void>;
}

const entry = fileURLToPath(new URL('../../dist/cli/unstale.js', import.meta.url));

/** Nothing is started yet. Each configuration gets an address of its own. */
export async function supervise(
  ...configs: readonly Readonly<Record<string, unknown>>[]
): Promise<Supervised> {
  const directory = await temporaryDirectory('supervisor');
  const runDirectory = join(directory, 'run');
  await mkdir(runDirectory, { mode: 0o700 });
  const configFiles = await Promise.all(
    configs.map(async (config, index) => {
      const file = join(directory, `daemon-${index + 1}.yaml`);
      await writeFile(file, stringify({ ...config, admin: { listen: `127.0.0.1:${await freePort()}` } }));
      return file;
    }),
  );
  tether(runDirectory);
  const cli = (...args: readonly string[]): Promise<CliResult> =>
    runCli(args, { env: { UNSTALE_RUN_DIR: runDirectory } });
  // As `unstale status --json` does, without a process for each question.
  const report = async (): Promise<SupervisorReport> =>
    (await askSupervisor(runDirectory, { type: 'status' }, { silence: 10_000 })) as SupervisorReport;
  const until: Supervised['until'] = (what, fits, timeoutMs = 30_000) =>
    eventually(what, report, fits, { timeoutMs, intervalMs: 100 });
  const processes = async (): Promise<readonly number[]> => {
    const found = await Promise.all(
      (await readdir('/proc'))
        .filter((name) => /^\d+$/.test(name))
        .map(async (name) => {
          const [line, environment] = await Promise.all(
            ['cmdline', 'environ'].map((what) => readFile(`/proc/${name}/${what}`, 'utf8').catch(() => '')),
          );
          // A zombie has no command line any more.
          return line !== '' && environment?.includes(`"runDirectory":"${runDirectory}"`)
            ? [Number(name)]
            : [];
        }),
    );
    return found.flat();
  };
  const pid = (): number | undefined => {
    const file = join(runDirectory, 'supervisor.pid');
    const noted = existsSync(file) ? parseNoted(readFileSync(file, 'utf8')) : undefined;
    return noted !== undefined && isStillRunning(noted) ? noted.pid : undefined;
  };
  return {
    runDirectory,
    configFiles,
    cli,
    start: (...args) => cli('start', ...configFiles.flatMap((file) => ['-c', file]), ...args),
    foreground: async (environment) => {
      const args = ['start', '--foreground', ...configFiles.flatMap((file) => ['-c', file])];
      const child = spawnTethered(process.execPath, [entry, ...args], {
        stdio: ['ignore', 'pipe', 'inherit'],
        env: { ...process.env, ...environment, UNSTALE_RUN_DIR: runDirectory },
      });
      await once(child, 'spawn');
      const lines: string[] = [];
      if (child.stdout !== null)
        createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
      const exited = once(child, 'exit').then(([code, signal]) => ({ code, signal }));
      return { signal: (signal) => void child.kill(signal), lines: () => lines, exited };
    },
    report,
    until,
    running: (timeoutMs) =>
      until('all daemons run', ({ daemons }) => daemons.every(({ state }) => state === 'running'), timeoutMs),
    pid,
    processes,
    log: (name) => {
      const names = readdirSync(join(runDirectory, 'log')).filter((file) => file.startsWith(`${name}.log`));
      return names
        .toReversed()
        .map((file) => readFileSync(join(runDirectory, 'log', file), 'utf8'))
        .join('');
    },
    end: async () => {
      if (pid() !== undefined) await cli('stop', '--timeout', '5s');
      // A daemon may start another supervisor meanwhile.
      await eventually('nothing runs any more', async () => {
        const left = await processes();
        for (const one of left) kill(one);
        return left.length === 0;
      });
    },
  };
}

/** The daemon of a name. @throws Error when there is none */
export function daemonOf(report: SupervisorReport, clientId: string): DaemonReport {
  const daemon = report.daemons.find((one) => one.client_id === clientId);
  if (daemon === undefined) throw new Error(`there is no ${clientId}`);
  return daemon;
}

export function kill(pid: number | null | undefined, signal: NodeJS.Signals = 'SIGKILL'): void {
  try {
    if (typeof pid === 'number') process.kill(pid, signal);
  } catch {
    // It is gone.
  }
}

/** What runs in the background would outlive a test run that is killed: a shell ends it then. */
function tether(runDirectory: string): void {
  const script = `while kill -0 "$1" 2>/dev/null; do sleep 1; done
    for round in 1 2 3 4 5; do for file in /proc/[0-9]*/environ; do
      grep -q "\\"runDirectory\\":\\"$2\\"" "$file" 2>/dev/null && kill -KILL "$(basename "$(dirname "$file")")"
    done; sleep 1; done`;
  spawn('sh', ['-c', script, 'tether', String(process.pid), runDirectory], {
    detached: true,
    stdio: 'ignore',
  }).unref();
}
