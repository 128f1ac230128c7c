import { fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { Settings } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';

/** What the child is asked for: the settings of this command line. It crosses the pipe because it may hold secrets. */
export interface LoadRequest {
  readonly argv: readonly string[];
}

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
  // In a group of its own, so that Ctrl-C is this process's to answer. The child ends when this process does.
  const child = fork(CHILD, { serialization: 'advanced', detached: true });
  try {
    // The channel closes after what was sent through it has arrived; the process may seem to end before.
    const ended = Promise.all([once(child, 'exit'), once(child, 'disconnect')]).then(([exit]) => exit);
    const received: Promise<Settings[]> = once(child, 'message');
    // Nothing is received from a child that fails.
    received.catch(() => undefined);
    const request: LoadRequest = { argv };
    // A child that is gone already is noticed by its end.
    child.send(request, () => undefined);
    const [settings] = await Promise.race([received, ended.then(([code, signal]) => stop(code, signal))]);
    return settings;
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

function stop(code: unknown, signal: unknown): [] {
  if (typeof code !== 'number') {
    throw new UnstaleError(
      'UNSTALE_CONFIG_CHILD_DIED',
      `the process that reads the configuration was ended by ${String(signal)}`,
    );
  }
  process.exitCode = code;
  return [];
}
