import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { eventually } from './eventually.ts';

const entry = fileURLToPath(new URL('../../dist/cli/unstale.js', import.meta.url));

export interface TailProcess {
  /** Lines of standard output so far. */
  readonly lines: readonly string[];
  /** Resolves once it follows the daemon: what is applied from now on is shown. @throws Error when it ends before. */
  following(): Promise<void>;
  signal(signal: NodeJS.Signals): void;
  /** Nobody reads its output any more. */
  closeOutput(): void;
  readonly exited: Promise<{ readonly code: unknown; readonly signal: unknown; readonly stderr: string }>;
}

/** The built `unstale tail`, with the configuration of a daemon. */
export function startTail(configFile: string, ...args: readonly string[]): TailProcess {
  const child = spawn(process.execPath, [entry, 'tail', '-c', configFile, ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  createInterface({ input: child.stdout }).on('line', (line) => lines.push(line));
  let said = '';
  child.stderr.on('data', (chunk) => (said += String(chunk)));
  const stderr = text(child.stderr);
  let ended = false;
  const exited = once(child, 'exit').then(async ([code, signal]: unknown[]) => {
    ended = true;
    return { code, signal, stderr: await stderr };
  });
  return {
    lines,
    exited,
    following: async () => {
      await eventually('the tail follows', () => ended || said.includes('following the daemon'));
      if (ended) throw new Error(`the tail has ended: ${said}`);
    },
    signal: (signal) => void child.kill(signal),
    closeOutput: () => child.stdout.destroy(),
  };
}
