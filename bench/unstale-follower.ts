import { setTimeout as delay } from 'node:timers/promises';

import { startDaemon } from '../test/support/daemon-process.ts';
import { isBehind } from './binlog-end.ts';
import type { BinlogPlace } from './binlog-end.ts';
import type { Follower, FollowerTask } from './follower.ts';

/** Asking costs the daemon CPU time; waiting makes it look slower. This is little of both. */
const ASK_EVERY_MS = 20;
const FIRST_EVENT_LINE = 'reading the binlog';

let clients = 0;

/**
 * Starts the built daemon with its defaults, a client id of its own and so without a stored position. Only the
 * barrier and the guard are off unless the task asks for them, because the naive loop has neither.
 */
export async function startUnstale(task: FollowerTask): Promise<Follower> {
  const { catchUp, rule = { guard: 'none' } } = task;
  clients += 1;
  const daemon = await startDaemon({
    client_id: `bench-${clients}`,
    source: {
      url: task.mysqlUrl,
      // As the naive loop connects: by default unstale would encrypt, which costs both sides the same.
      ssl_mode: 'disabled',
      barrier: task.barrier === true ? 'source' : 'none',
      ...(catchUp === undefined ? {} : { init_position: `${catchUp.from.file}:${catchUp.from.offset}` }),
    },
    state: { database: task.stateDatabase },
    redis: { url: task.redisUrl },
    rules: task.tables.map((table) => ({ table: `${task.schema}.${table}`, key: `${table}:{id}`, ...rule })),
  });

  let exited = false;
  const noteExit = async (): Promise<void> => {
    await daemon.exited;
    exited = true;
  };
  void noteExit();
  const until = async (holds: () => boolean | Promise<boolean>, everyMs: number): Promise<void> => {
    while (!(await holds())) {
      if (exited) throw new Error(`the daemon ended too early\n${daemon.output()}`);
      await delay(everyMs);
    }
  };

  return {
    pid: daemon.pid,
    ready: () => daemon.ready(),
    begun: () => until(() => daemon.logs.some((line) => line['msg'] === FIRST_EVENT_LINE), 1),
    caughtUp: async () => {
      if (catchUp === undefined) throw new Error('there is nothing to catch up with');
      await until(async () => {
        const applied = appliedPlace(await daemon.status().catch(() => undefined));
        return applied !== undefined && isBehind(catchUp.to, applied);
      }, ASK_EVERY_MS);
    },
    stop: async () => {
      const { code } = await daemon.stop();
      if (code !== 0) throw new Error(`the daemon ended with exit code ${code}\n${daemon.output()}`);
    },
  };
}

/** `position.applied` of /status. */
function appliedPlace(status: unknown): BinlogPlace | undefined {
  const applied = member(member(status, 'position'), 'applied');
  const file = member(applied, 'file');
  const offset = member(applied, 'offset');
  return typeof file === 'string' && typeof offset === 'number' ? { file, offset } : undefined;
}

function member(value: unknown, name: string): unknown {
  return typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined;
}
