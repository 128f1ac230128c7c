import { execFile } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { stringify } from 'yaml';
import { temporaryDirectory } from '../../scripts/servers/run-directory.ts';

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

/** Runs the built command to its end. */
export function runCli(args: readonly string[], options: CliOptions = {}): Promise<CliResult> {
  return new Promise((resolve) => {
    const child = execFile(
      process.execPath,
      [entry, ...args],
      { env: { ...process.env, ...options.env }, timeout: 60_000 },
      (error, stdout, stderr) => {
        const code = error === null ? 0 : typeof error.code === 'number' ? error.code : -1;
        resolve({ code, stdout, stderr });
      },
    );
    child.stdin?.end(options.input ?? '');
  });
}

/** Writes a configuration, an object or YAML text, to a temporary file. */
export async function writeConfig(content: Readonly<Record<string, unknown>> | string): Promise<string> {
  const file = join(await temporaryDirectory('config'), 'unstale.yaml');
  await writeFile(file, typeof content === 'string' ? content : stringify(content));
  return file;
}
