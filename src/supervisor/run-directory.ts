import { accessSync, constants, existsSync, mkdirSync, statSync } from 'node:fs';
import { homedir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { UnstaleError } from '../errors/unstale-error.ts';

/** Where a supervisor keeps what it needs; absolute paths. */
export interface RunDirectories {
  /** Pid files and the control socket. */
  readonly run: string;
  readonly log: string;
}

/** Without logs, those of one that writes to its output. */
export interface PreparedDirectories {
  readonly run: string;
  readonly log?: string;
}

export interface DirectoryWishes {
  readonly run?: string | undefined;
  readonly log?: string | undefined;
}

/** Linux takes no longer name of a socket, bytes. */
const LONGEST_SOCKET = 107;

/**
 * The directories of the flags, of UNSTALE_RUN_DIR and UNSTALE_LOG_DIR, or the usual ones: `/run/unstale` and `/var/log/unstale` of
 * root, `~/.local/state/unstale` of everybody else. (Not XDG_RUNTIME_DIR: it goes with the last session, and a daemon stays.) Beside a
 * run directory of one's own choice the logs are in `log` below it. Creates nothing.
 */
export function chooseDirectories(
  wishes: DirectoryWishes,
  environment: NodeJS.ProcessEnv,
  isRoot: boolean = process.getuid?.() === 0,
): RunDirectories {
  const wishedRun = wishes.run ?? nonEmpty(environment['UNSTALE_RUN_DIR']);
  const wishedLog = wishes.log ?? nonEmpty(environment['UNSTALE_LOG_DIR']);
  const usual: RunDirectories =
    isRoot && isWritable('/run')
      ? { run: '/run/unstale', log: isWritable('/var/log') ? '/var/log/unstale' : '/run/unstale/log' }
      : stateDirectories(environment);
  const run = wishedRun === undefined ? usual.run : resolve(wishedRun);
  const log =
    wishedLog === undefined
      ? wishedRun === undefined || run === usual.run
        ? usual.log
        : join(run, 'log')
      : resolve(wishedLog);
  return { run, log };
}

/** @throws UnstaleError UNSTALE_RUN_DIRECTORY when the name is longer than a socket's may be */
export function socketOf(runDirectory: string): string {
  const path = join(runDirectory, 'control.sock');
  const length = Buffer.byteLength(path);
  if (length <= LONGEST_SOCKET) return path;
  throw unusable(
    `the control socket ${path} would have a name of ${length} bytes, and ${LONGEST_SOCKET} are possible; choose a shorter directory with --run-dir`,
  );
}

/**
 * Creates the directories, for this user only, where they are missing.
 * @throws UnstaleError UNSTALE_RUN_DIRECTORY when one cannot be used, or others may write to it
 */
export function prepareDirectories({ run, log }: PreparedDirectories): void {
  socketOf(run);
  for (const directory of log === undefined ? [run] : [run, log]) {
    try {
      makeDirectory(directory);
      accessSync(directory, constants.R_OK | constants.W_OK | constants.X_OK);
    } catch (error) {
      throw unusable(`${directory} cannot be used: ${reasonOf(error)}`, error);
    }
    const { uid, mode } = statSync(directory);
    const user = process.getuid?.() ?? uid;
    if (uid !== user && user !== 0)
      throw unusable(
        `${directory} belongs to another user (uid ${uid}), who could take the place of its files`,
      );
    if ((mode & 0o022) !== 0 && directory === run)
      throw unusable(`${directory} may be written by others; run: chmod 700 ${directory}`);
  }
}

/** Not `recursive` of Node.js, which tries for ever where a directory exists and nothing can be created in it, as in /proc. */
function makeDirectory(directory: string): void {
  if (existsSync(directory)) return;
  if (!existsSync(dirname(directory))) makeDirectory(dirname(directory));
  try {
    mkdirSync(directory, { mode: 0o700 });
  } catch (error) {
    // Another process was faster.
    if (!existsSync(directory)) throw error;
  }
}

function stateDirectories(environment: NodeJS.ProcessEnv): RunDirectories {
  const state = nonEmpty(environment['XDG_STATE_HOME']) ?? join(homedir(), '.local', 'state');
  return { run: join(state, 'unstale'), log: join(state, 'unstale', 'log') };
}

function isWritable(directory: string): boolean {
  try {
    accessSync(directory, constants.W_OK);
    return dirname(directory) !== directory;
  } catch {
    return false;
  }
}

function nonEmpty(text: string | undefined): string | undefined {
  return text === undefined || text === '' ? undefined : text;
}

function reasonOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}

function unusable(message: string, cause?: unknown): UnstaleError {
  return new UnstaleError('UNSTALE_RUN_DIRECTORY', message, { cause });
}
