import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { Redis } from 'ioredis';

import { spawnTethered } from '../../scripts/servers/tether.ts';
import { createDatabase } from '../../test/support/database.ts';
import type { TestDatabase } from '../../test/support/database.ts';
import { startDaemon } from '../../test/support/daemon-process.ts';
import { eventually } from '../../test/support/eventually.ts';
import { cpuSeconds, peakRssBytes } from '../process-usage.ts';
import type { BenchServers } from '../servers.ts';
import { createTables, keysOf, write } from './workload.ts';
import type { Load, LoadName } from './workload.ts';

export const LOOKUP_SIDES = ['unstale', 'one query a change'] as const;
export type LookupSide = (typeof LOOKUP_SIDES)[number];

/** One round of one side. */
export interface LookupRound {
  readonly load: LoadName;
  readonly side: LookupSide;
  readonly changesPerSecond: number;
  /** SELECTs that the server counted, those of the barrier among them. */
  readonly selectsPer1000: number;
  /** From the last commit to the last delete. */
  readonly behindMs: number;
  readonly cpuMicrosPerChange: number;
  readonly peakRssMb: number;
}

interface Side {
  readonly pid: number;
  stop(): Promise<void>;
}

let rounds = 0;

/** @throws Error when a key of a changed row is left. */
export async function measureLookups(
  load: Load,
  side: LookupSide,
  servers: BenchServers,
): Promise<LookupRound> {
  const db = await createDatabase(servers.mysql);
  const redis = new Redis(servers.redis.url);
  try {
    // One more, which the load leaves alone: when its keys go, everything before was done.
    const last = load.parents + 1;
    await createTables(db, last);
    const program = await (side === 'unstale' ? startUnstale(db, servers) : startOther(db, servers));
    try {
      await touch(db, redis, last);
      await fill(redis, load.parents);
      const [selects, cpu] = [await selectsOf(db), cpuSeconds(program.pid)];
      const written = await write(db, load);
      const writtenAt = performance.now();
      await touch(db, redis, last);
      await requireNoneLeft(redis, written.parents);
      const behindMs = performance.now() - writtenAt;
      return {
        load: load.name,
        side,
        changesPerSecond: written.changes / written.seconds,
        selectsPer1000: (((await selectsOf(db)) - selects) / written.changes) * 1000,
        behindMs,
        cpuMicrosPerChange: ((cpuSeconds(program.pid) - cpu) / written.changes) * 1e6,
        peakRssMb: peakRssBytes(program.pid) / 1e6,
      };
    } finally {
      await program.stop();
    }
  } finally {
    redis.disconnect();
    await db.drop();
  }
}

async function startUnstale(db: TestDatabase, servers: BenchServers): Promise<Side> {
  rounds += 1;
  const daemon = await startDaemon({
    client_id: `bench-lookups-${rounds}`,
    source: { url: db.url, ssl_mode: 'disabled' },
    state: { database: db.stateDatabase },
    redis: { url: servers.redis.url },
    rules: [
      {
        table: `${db.name}.items`,
        lookup: `SELECT id FROM ${db.name}.products WHERE parent = :parent`,
        key: 'product:{lookup.id}',
      },
    ],
  });
  await daemon.ready();
  return {
    pid: daemon.pid,
    stop: async () => {
      const metrics = await daemon.metrics();
      const { code } = await daemon.stop();
      if (code !== 0) throw new Error(`the daemon ended with exit code ${code}\n${daemon.output()}`);
      // A scope would remove the keys too, and hide that the queries gave nothing.
      for (const result of ['overflow', 'failed']) {
        if (metrics.sum('unstale_lookup_total', { result }) > 0) throw new Error(`a lookup was ${result}`);
      }
    },
  };
}

async function startOther(db: TestDatabase, servers: BenchServers): Promise<Side> {
  const program = fileURLToPath(new URL('one-query-a-change.ts', import.meta.url));
  const child = spawnTethered(
    process.execPath,
    [program, `--mysql=${db.url}`, `--redis=${servers.redis.url}`, `--schema=${db.name}`],
    { stdio: ['ignore', 'pipe', 'inherit'] },
  );
  await once(child, 'spawn');
  const { pid, stdout } = child;
  if (pid === undefined || stdout === null) throw new Error('the program has no pipe');
  await once(createInterface({ input: stdout }), 'line');
  return {
    pid,
    stop: async () => {
      child.kill('SIGKILL');
      await once(child, 'exit');
    },
  };
}

/** Changes the item of a parent, as often as it takes until its keys go: a program may not follow yet. */
async function touch(db: TestDatabase, redis: Redis, parent: number): Promise<void> {
  await redis.mset(keysOf(parent).flatMap((key) => [key, 'cached']));
  const isGone = async (): Promise<boolean> => (await redis.exists(keysOf(parent))) === 0;
  await eventually(
    'a change is followed',
    async () => {
      await db.query(`UPDATE items SET a = a + 1 WHERE id = ${parent}`);
      for (let ask = 0; ask < 200; ask += 1) {
        if (await isGone()) return true;
        await delay(5);
      }
      return false;
    },
    Boolean,
    { timeoutMs: 60_000 },
  );
}

async function fill(redis: Redis, parents: number): Promise<void> {
  for (let first = 1; first <= parents; first += 1_000) {
    const keys = Array.from({ length: Math.min(1_000, parents - first + 1) }, (_, no) => keysOf(first + no));
    await redis.mset(keys.flat().flatMap((key) => [key, 'cached']));
  }
}

async function requireNoneLeft(redis: Redis, parents: ReadonlySet<number>): Promise<void> {
  const keys = [...parents].flatMap(keysOf);
  await eventually(
    'the keys of all changed rows are gone',
    () => redis.exists(keys),
    (left) => left === 0,
  );
}

async function selectsOf(db: TestDatabase): Promise<number> {
  const [row] = await db.query("SHOW GLOBAL STATUS LIKE 'Com_select'");
  return Number(row?.['Value']);
}
