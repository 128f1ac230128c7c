import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';

import { spawnTethered } from '../scripts/servers/tether.ts';
import type { Follower, FollowerTask } from './follower.ts';

const program = fileURLToPath(new URL('naive-loop.ts', import.meta.url));

/** Starts `naive-loop.ts`. */
export async function startNaive(task: FollowerTask): Promise<Follower> {
  const { catchUp } = task;
  const child = spawnTethered(
    process.execPath,
    [
      program,
      `--mysql=${task.mysqlUrl}`,
      `--redis=${task.redisUrl}`,
      `--schema=${task.schema}`,
      ...task.tables.map((table) => `--table=${table}`),
      ...(catchUp === undefined
        ? []
        : [`--from=${catchUp.from.file}:${catchUp.from.offset}`, `--rows=${catchUp.rows}`]),
    ],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(child, 'spawn');
  const { pid, stdout } = child;
  if (pid === undefined || stdout === null) throw new Error('the naive loop has no pipe');

  const said = {
    ready: Promise.withResolvers<void>(),
    begun: Promise.withResolvers<void>(),
    done: Promise.withResolvers<void>(),
  };
  createInterface({ input: stdout }).on('line', (line) => {
    if (line === 'ready' || line === 'begun' || line === 'done') said[line].resolve();
  });
  const exited = once(child, 'exit');
  const ended = exited.then(([code]: unknown[]) => {
    throw new Error(`the naive loop ended with exit code ${String(code)}`);
  });
  // It ends in every round; only who still waits for something else is told.
  ended.catch(() => undefined);

  return {
    pid,
    ready: () => Promise.race([said.ready.promise, ended]),
    begun: () => Promise.race([said.begun.promise, ended]),
    caughtUp: () => Promise.race([said.done.promise, ended]),
    stop: async () => {
      child.kill('SIGKILL');
      await exited;
    },
  };
}
