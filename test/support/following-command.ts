import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { spawnTethered } from '../../scripts/servers/tether.ts';
import { eventually } from './eventually.ts';

const entry = fileURLToPath(new URL('../../dist/cli/unstale.js', import.meta.url));

/** A command of the built program that goes on until it is told to end. */
export interface FollowingCommand {
  /** Lines of standard output so far. */
  readonly lines: readonly string[];
  /** Resolves once it has said `words` on standard error. @throws Error when it ends before. */
  says(words: string): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Nobody reads its output any more. */
  closeOutput(): void;
  readonly exited: Promise<{ readonly code: unknown; readonly signal: unknown; readonly stderr: string }>;
}

export function startFollowing(
  args: readonly string[],
  environment: Readonly<Record<string, string>> = {},
): FollowingCommand {
  const child = spawnTethered(process.execPath, [entry, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    env: { ...process.env, ...environment },
  });
  const { stdout, stderr: errors } = child;
  if (stdout === null || errors === null) throw new Error('the command has no pipes');
  const lines: string[] = [];
  createInterface({ input: stdout }).on('line', (line) => lines.push(line));
  let said = '';
  errors.on('data', (chunk) => (said += String(chunk)));
  const stderr = text(errors);
  let ended = false;
  const exited = once(child, 'exit').then(async ([code, signal]: unknown[]) => {
    ended = true;
    return { code, signal, stderr: await stderr };
  });
  return {
    lines,
    exited,
    says: async (words) => {
      await eventually(`${args.join(' ')} says: ${words}`, () => ended || said.includes(words));
      if (!said.includes(words)) throw new Error(`it has ended: ${said}`);
    },
    signal: (signal) => void child.kill(signal),
    closeOutput: () => stdout.destroy(),
  };
}
