import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../config/config.ts';
import { RefusedConfig } from '../config/errors.ts';
import type { ConfigSources } from '../config/errors.ts';
import type { ErrorCode } from '../errors/catalog.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { StartRequest } from './start.ts';
import { withoutDaemonFlags } from './v8-flags.ts';

/** What the child is asked for: the settings of this command line. It crosses the pipe because it may hold secrets. */
export interface LoadRequest {
  readonly argv: readonly string[];
  /** What becomes of an error: the child prints it and exits with its code, or sends it. */
  readonly errors: 'print' | 'send';
}

interface RefusedReply {
  readonly code: ErrorCode;
  readonly message: string;
  readonly sources?: ConfigSources | undefined;
}

export type LoadReply =
  { readonly settings: Settings } | { readonly start: StartRequest } | { readonly refusal: RefusedReply };

/** Reading waits for ever on a pipe or a file server that does not answer; later reloads would wait behind it, ms. */
const LONGEST_LOAD = 30_000;

/** By the name under which it stands beside this file, compiled or not. */
const CHILD = fileURLToPath(new URL(import.meta.url)).replace(/load-in-child(\.[jt]s)$/, 'loading-child$1');

/**
 * Reads the settings in a process that ends with it. Parsing a command line and YAML and checking their shape takes
 * libraries that a daemon would keep in memory for ever and never use again (measured: 7 MB of 95).
 *
 * Undefined if there is nothing to run, because help was asked for or something is wrong: the child has said what,
 * and its exit code has become this process's.
 * @throws UnstaleError UNSTALE_CONFIG_CHILD_DIED when the child cannot be started, or is killed
 */
export async function loadInChild(argv: readonly string[]): Promise<Settings | undefined> {
  const { reply, code } = await ask({ argv, errors: 'print' });
  if (reply === undefined) process.exitCode = code;
  return reply === undefined ? undefined : settingsOf(reply);
}

/**
 * Like `loadInChild`, for `unstale start`: what is to be started, all of whose configurations are right.
 * @throws UnstaleError UNSTALE_CONFIG_CHILD_DIED when the child cannot be started, or is killed
 */
export async function readStartInChild(argv: readonly string[]): Promise<StartRequest | undefined> {
  const { reply, code } = await ask({ argv, errors: 'print' });
  if (reply === undefined) process.exitCode = code;
  return reply !== undefined && 'start' in reply ? reply.start : undefined;
}

/**
 * Like `loadInChild`, in a process that goes on whatever is wrong.
 * @throws UnstaleError with all that is wrong with the configuration, or UNSTALE_CONFIG_CHILD_DIED
 */
export async function loadAgainInChild(argv: readonly string[]): Promise<Settings> {
  const { reply, code } = await ask({ argv, errors: 'send' }, LONGEST_LOAD);
  if (reply !== undefined) return settingsOf(reply);
  throw new UnstaleError(
    'UNSTALE_CONFIG_CHILD_DIED',
    `the process that reads the configuration ended with exit code ${code} and said nothing`,
  );
}

function settingsOf(reply: LoadReply): Settings {
  if ('settings' in reply) return reply.settings;
  if ('start' in reply)
    throw new UnstaleError('UNSTALE_INTERNAL', 'a command line that only runs was asked to start');
  const { code, message, sources } = reply.refusal;
  throw new RefusedConfig(code, message, sources);
}

/** Its reply, or the exit code with which it ended without one. */
type Ended =
  { readonly reply: LoadReply; readonly code?: never } | { readonly reply?: never; readonly code: number };

/** @param patience how long the child may take, ms */
async function ask(request: LoadRequest, patience?: number): Promise<Ended> {
  // In a group of its own, so that Ctrl-C is this process's to answer. The child ends when this process does.
  const child = fork(CHILD, {
    serialization: 'advanced',
    detached: true,
    killSignal: 'SIGKILL',
    execArgv: withoutDaemonFlags(process.execArgv),
    ...(patience === undefined ? {} : { timeout: patience }),
  });
  try {
    // The channel closes after what was sent through it has arrived; the process may seem to end before.
    const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(([exit]) => exit);
    const received: Promise<LoadReply[]> = once(child, 'message');
    // Nothing is received from a child that fails.
    received.catch(() => undefined);
    // A child that is gone already is noticed by its end.
    child.send(request, () => undefined);
    return await Promise.race([
      received.then(([reply]) => (reply === undefined ? { code: 1 } : { reply })),
      ended.then(([code, signal]) => ({ code: exitCodeOf(code, signal) })),
    ]);
  } catch (error) {
    if (error instanceof UnstaleError) throw error;
    const reason = error instanceof Error ? error.message : String(error);
    throw new UnstaleError(
      'UNSTALE_CONFIG_CHILD_DIED',
      `the process that reads the configuration cannot be started: ${reason}`,
      { cause: error },
    );
  }
}

function exitCodeOf(code: unknown, signal: unknown): number {
  if (typeof code === 'number') return code;
  throw new UnstaleError(
    'UNSTALE_CONFIG_CHILD_DIED',
    `the process that reads the configuration was ended by ${String(signal)}`,
  );
}
