import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';
import { threadsOf } from './threads.ts';

const entry = fileURLToPath(new URL('../../dist/cli/unstale.js', import.meta.url));

export interface CliResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

export interface CliOptions {
  readonly env?: Readonly<Record<string, string>>;
  /** What the command reads on standard input. */
  readonly input?: string;
}

/** Longest run of a command, ms: less than a test may take, so that the test can tell what the command hung in. */
const DEADLINE = 45_000;

/**
 * Runs the built command to its end.
 * @throws Error with what its threads wait for when it does not end within 45 s; it is killed then
 */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return new Promise((resolve, reject) => {
    const child = execFile(
      process.execPath,
      [entry, ...args],
      { env: { ...process.env, ...options.env } },
      (error, stdout, stderr) => {
        clearTimeout(deadline);
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
    const deadline = setTimeout(() => {
      threadsOf(child.pid)
        .then((threads) => {
          throw new Error(`unstale ${args.join(' ')} does not end; its threads wait in ${threads}`);
        })
        .catch(reject)
        .finally(() => child.kill('SIGKILL'));
    }, DEADLINE);
    child.stdin?.end(options.input ?? '');
  });
}

/** Writes a configuration, an object or YAML text, to a temporary file. */
export async function writeConfig(content: Readonly<Record<string, unknown>> | string): Promise<string> {
  const file = join(await temporaryDirectory('config'), 'unstale.yaml');
  await writeFile(file, typeof content === 'string' ? content : stringify(content));
  return file;
}
