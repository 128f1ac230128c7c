import { once } from 'node:events';
import { closeSync, existsSync, openSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { spawnTethered } from '../servers/tether.ts';

const program = fileURLToPath(new URL('../../dist/cli/unstale.js', import.meta.url));
const configFile = fileURLToPath(new URL('../../config/demo.yaml', import.meta.url));
const readyTimeoutMs = 30_000;

export interface DaemonOptions {
  readonly mysqlPort: number;
  readonly mysqlPassword: string;
  readonly redisPort: number;
  readonly adminPort: number;
  /** Receives the daemon's output; appended to. */
  readonly logFile: string;
}

/** `unstale run` with config/demo.yaml, as a process of its own. */
export interface Daemon {
  /** Rejects when the process ends without having been told to. */
  readonly lost: Promise<never>;
  /** SIGKILL: the process gets no chance to finish anything. */
  kill(): Promise<void>;
  /** SIGTERM; resolves with the exit code, null if it took a SIGKILL after 15 s. */
  stop(): Promise<number | null>;
}

/**
 * Starts the daemon; resolves when /readyz says that it follows the binlog.
 * @throws Error when it ends or is not ready in time.
 */
export async function startDaemon(options: DaemonOptions): Promise<Daemon> {
  if (!existsSync(program)) throw new Error('the daemon is not built; run: npm run build');
  const log = openSync(options.logFile, 'a');
  const child = spawnTethered(process.execPath, [program, 'run', '-c', configFile], {
    stdio: ['ignore', log, log],
    env: {
      ...withoutOverrides(process.env),
      DEMO_MYSQL_PORT: String(options.mysqlPort),
      DEMO_MYSQL_PASSWORD: options.mysqlPassword,
      DEMO_REDIS_PORT: String(options.redisPort),
      DEMO_ADMIN_PORT: String(options.adminPort),
    },
  });
  closeSync(log);
  let expected = false;
  let ended: string | undefined;
  const exit = once(child, 'exit');
  const lost = exit.then(() => {
    ended = child.signalCode ?? `exit code ${child.exitCode}`;
    if (!expected) throw new Error(`the daemon ended unexpectedly (${ended})`);
    return new Promise<never>(() => {});
  });
  // Whoever does not race against it must not crash by it.
  lost.catch(() => {});

  const deadline = performance.now() + readyTimeoutMs;
  while (!(await isReady(options.adminPort))) {
    if (ended !== undefined) await lost;
    if (performance.now() > deadline) throw new Error('the daemon is not ready after 30 s');
    await delay(10);
  }

  const end = async (signal: NodeJS.Signals): Promise<number | null> => {
    expected = true;
    if (ended === undefined) {
      child.kill(signal);
      const timer = setTimeout(() => child.kill('SIGKILL'), 15_000);
      await exit;
      clearTimeout(timer);
    }
    return child.exitCode;
  };
  return { lost, kill: async () => void (await end('SIGKILL')), stop: async () => end('SIGTERM') };
}

async function isReady(port: number): Promise<boolean> {
  const response = await fetch(`http://127.0.0.1:${port}/readyz`, {
    signal: AbortSignal.timeout(2_000),
  }).catch(() => undefined);
  await response?.body?.cancel();
  return response?.status === 200;
}

/** UNSTALE_… variables of the user's shell would override the demo's configuration. */
function withoutOverrides(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(Object.entries(env).filter(([name]) => !name.startsWith('UNSTALE_')));
}
