import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { stringify } from 'yaml';

import { freePort } from '../../scripts/servers/free-port.ts';
import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';
import { spawnTethered } from '../../scripts/servers/tether.ts';
import { eventually } from './eventually.ts';
import { threadsOf } from './threads.ts';
import { parseMetrics } from './prometheus-text.ts';
import type { Metrics } from './prometheus-text.ts';

type LogLine = Readonly<Record<string, unknown>>;

interface DaemonExit {
  readonly code: number | null;
  readonly signal: NodeJS.Signals | null;
}

export interface DaemonOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** Further arguments of `unstale run`. */
  readonly args?: readonly string[];
  /** Arguments of Node itself. */
  readonly nodeArgs?: readonly string[];
}

/** The built daemon, running as a child process. */
export interface DaemonProcess {
  readonly pid: number;
  readonly configFile: string;
  readonly adminUrl: string;
  /** Lines of stdout that are JSON objects. */
  readonly logs: readonly LogLine[];
  /** All output so far, stdout and stderr. */
  output(): string;
  /** Resolves when /readyz answers 200. @throws Error with the output when the daemon ends before that. */
  ready(timeoutMs?: number): Promise<void>;
  /** Resolves with the first log line, past or future, that fits. @throws Error like `ready`. */
  logged(what: string, fits: (line: LogLine) => boolean, timeoutMs?: number): Promise<LogLine>;
  signal(signal: NodeJS.Signals): void;
  readonly exited: Promise<DaemonExit>;
  /**
   * SIGTERM, unless it has ended already; resolves with how it ended.
   * @throws Error with what its threads wait for when it does not end within 45 s
   */
  stop(signal?: 'SIGTERM' | 'SIGINT'): Promise<DaemonExit>;
  /** SIGKILL, unless it has ended already; resolves with how it ended. */
  kill(): Promise<DaemonExit>;
  metrics(): Promise<Metrics>;
  status(): Promise<unknown>;
  /** Any path of the admin server. */
  request(path: string, init?: RequestInit): Promise<Response>;
  /** Resident memory, bytes. Linux only. */
  rss(): Promise<number>;
  /** The most that it ever was, start-up included, bytes. */
  peakRss(): Promise<number>;
}

/** Longest wait for an end, ms: less than a test may take, so that the test can tell what the daemon hung in. */
const DEADLINE = 45_000;

const entry = fileURLToPath(new URL('../../dist/cli/unstale.js', import.meta.url));

/**
 * Starts `unstale run` with the configuration written to a file. `admin.listen` is a free port of this machine
 * unless the configuration names one. Does not wait: see `ready`.
 */
export async function startDaemon(
  config: Readonly<Record<string, unknown>>,
  options: DaemonOptions = {},
): Promise<DaemonProcess> {
  if (!existsSync(entry)) throw new Error('the daemon is not built; run: npm run build');
  const admin = { listen: `127.0.0.1:${await freePort()}`, ...asObject(config['admin']) };
  const configFile = join(await temporaryDirectory('daemon'), 'unstale.yaml');
  await writeFile(configFile, stringify({ ...config, admin }));

  const nodeArgs = options.nodeArgs ?? [];
  const child = spawnTethered(
    process.execPath,
    [...nodeArgs, entry, 'run', '-c', configFile, ...(options.args ?? [])],
    {
      stdio: ['ignore', 'pipe', 'pipe'],
      env: { ...process.env, ...options.env },
    },
  );
  await once(child, 'spawn');
  const { pid, stdout, stderr } = child;
  if (pid === undefined || stdout === null || stderr === null) throw new Error('the daemon has no pipes');

  const logs: LogLine[] = [];
  const lines: string[] = [];
  createInterface({ input: stdout }).on('line', (line) => {
    lines.push(line);
    const parsed = parseLogLine(line);
    if (parsed !== undefined) logs.push(parsed);
  });
  createInterface({ input: stderr }).on('line', (line) => lines.push(line));

  let exit: DaemonExit | undefined;
  // "close" comes after "exit", when all output has been read.
  const exited = new Promise<DaemonExit>((resolve) => {
    child.once('close', (code, signal) => {
      exit = { code, signal };
      resolve(exit);
    });
  });

  const output = (): string => lines.join('\n');
  const end = async (signal: NodeJS.Signals): Promise<DaemonExit> => {
    if (exit === undefined) child.kill(signal);
    const deadline = Symbol('deadline');
    const patience = new AbortController();
    const late = delay(DEADLINE, deadline, { signal: patience.signal }).catch(() => deadline);
    const ended = await Promise.race([exited, late]);
    patience.abort();
    if (typeof ended !== 'symbol') return ended;
    throw new Error(`the daemon does not end; its threads wait in ${await threadsOf(pid)}\n${output()}`);
  };
  const adminUrl = `http://${admin.listen}`;
  const request = async (path: string, init: RequestInit = {}): Promise<Response> => {
    const headers = new Headers(init.headers);
    const token = 'token' in admin && typeof admin.token === 'string' ? admin.token : '';
    if (token !== '') headers.set('authorization', `Bearer ${token}`);
    return fetch(new URL(path, adminUrl), { signal: AbortSignal.timeout(5_000), ...init, headers });
  };

  /** Like `eventually`, but gives up at once when the daemon has ended. */
  const whileRunning = async <T>(
    what: string,
    read: () => T | Promise<T>,
    accept: (value: T) => boolean,
    timeoutMs: number,
  ): Promise<T> => {
    const stopped = Symbol('stopped');
    const value = await eventually<T | typeof stopped>(
      what,
      async () => {
        const ended = exit !== undefined;
        const value = await read();
        return ended && !accept(value) ? stopped : value;
      },
      (value) => value === stopped || accept(value),
      { timeoutMs },
    ).catch((error: unknown) => {
      throw new Error(`${String(error)}\n${output()}`);
    });
    if (value === stopped)
      throw new Error(`the daemon ended (${describe(exit)}) before: ${what}\n${output()}`);
    return value;
  };

  return {
    pid,
    configFile,
    adminUrl,
    logs,
    output,
    ready: async (timeoutMs = 30_000) => {
      const readStatus = async (): Promise<number> =>
        (await request('/readyz').catch(() => undefined))?.status ?? 0;
      await whileRunning('/readyz answers 200', readStatus, (status) => status === 200, timeoutMs);
    },
    logged: async (what, fits, timeoutMs = 10_000) => {
      const line = await whileRunning(
        `the log line: ${what}`,
        () => logs.find(fits),
        (found) => found !== undefined,
        timeoutMs,
      );
      return line ?? {};
    },
    signal: (signal) => void child.kill(signal),
    exited,
    stop: async (signal = 'SIGTERM') => end(signal),
    kill: async () => end('SIGKILL'),
    metrics: async () => parseMetrics(await (await request('/metrics')).text()),
    status: async () => (await request('/status')).json(),
    request,
    rss: () => readMemory(pid, 'VmRSS'),
    peakRss: () => readMemory(pid, 'VmHWM'),
  };
}

/** bytes */
async function readMemory(pid: number, field: 'VmRSS' | 'VmHWM'): Promise<number> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8');
  return Number(new RegExp(`^${field}:\\s+(\\d+) kB`, 'm').exec(status)?.[1]) * 1024;
}

function describe(exit: DaemonExit | undefined): string {
  return exit?.signal ?? `exit code ${exit?.code ?? 'unknown'}`;
}

function parseLogLine(line: string): LogLine | undefined {
  try {
    const parsed: unknown = JSON.parse(line);
    return isObject(parsed) ? parsed : undefined;
  } catch {
    return undefined;
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

function asObject(value: unknown): Record<string, unknown> {
  return isObject(value) ? value : {};
}
