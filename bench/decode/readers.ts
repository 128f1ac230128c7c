import { fork } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { findProgram, programInMysqlRoot } from '../../scripts/servers/where.mjs';
import type { Program } from '../../scripts/servers/where.mjs';
import { spawnTethered } from '../../scripts/servers/tether.ts';
import { cpuSeconds, peakRssBytes } from '../process-usage.ts';
import type { ReaderReport, ReaderTask } from './reader-task.ts';

/**
 * In the order in which they take turns. `unstale` comes first, and does what the others do; none of them looks at
 * checksums, which unstale does unless it is told not to.
 */
export const READERS = [
  'unstale',
  'unstale + checksums',
  'zongji',
  'zongji + filter',
  'powersync',
  'mysqlbinlog --raw',
  'floor',
] as const;
export type ReaderName = (typeof READERS)[number];

/** Those that can read a compressed transaction, or need not look inside. */
export const READERS_OF_COMPRESSED: readonly ReaderName[] = [
  'unstale',
  'unstale + checksums',
  'mysqlbinlog --raw',
  'floor',
];

/** A reader that got stuck would never end by itself, ms. */
const DEADLINE = 300_000;

/**
 * Runs one reader in a process of its own from `task.from` to `task.to`.
 * @throws Error when it fails, or takes longer than five minutes
 */
export async function runReader(reader: ReaderName, task: ReaderTask): Promise<ReaderReport> {
  switch (reader) {
    case 'unstale':
      return runProgram('unstale-reader.ts', task);
    case 'unstale + checksums':
      return runProgram('unstale-reader.ts', task, 'checksums');
    case 'zongji':
      return runProgram('zongji-reader.ts', task);
    case 'zongji + filter':
      return runProgram('zongji-reader.ts', task, 'filter');
    case 'powersync':
      return runProgram('powersync-reader.ts', task);
    case 'floor':
      return runProgram('floor-reader.ts', task);
    case 'mysqlbinlog --raw':
      return runMysqlbinlog(task);
  }
}

async function runProgram(file: string, task: ReaderTask, ...args: string[]): Promise<ReaderReport> {
  const child = fork(fileURLToPath(new URL(file, import.meta.url)), [JSON.stringify(task), ...args], {
    execArgv: [],
  });
  const deadline = setTimeout(() => child.kill('SIGKILL'), DEADLINE);
  const ended = once(child, 'exit').then(([code, signal]: unknown[]): never => {
    throw new Error(`the reader ${file} ended without a report (${String(signal ?? code)})`);
  });
  // It ends in every round; only who still waits for the report is told.
  ended.catch(() => undefined);
  try {
    const [report]: ReaderReport[] = await Promise.race([once(child, 'message'), ended]);
    if (report === undefined) throw new Error(`the reader ${file} reported nothing`);
    await ended.catch(() => undefined);
    return report;
  } finally {
    clearTimeout(deadline);
    child.kill('SIGKILL');
  }
}

/**
 * Copies the whole file, which begins at `task.from`. It cannot tell when its first event came, so connecting is in
 * its time; CPU time and memory are looked at every 5 ms.
 */
async function runMysqlbinlog(task: ReaderTask): Promise<ReaderReport> {
  const program = mysqlbinlog();
  const directory = await mkdtemp(join(tmpdir(), 'unstale-bench-'));
  try {
    const startedAt = performance.now();
    const child = spawnTethered(
      program.command,
      [
        ...program.args,
        '--no-defaults',
        '--read-from-remote-server',
        '--raw',
        `--host=${task.host}`,
        `--port=${task.port}`,
        `--user=${task.user}`,
        `--result-file=${directory}/`,
        task.from.file,
      ],
      { stdio: ['ignore', 'ignore', 'inherit'] },
    );
    const ended = once(child, 'exit');
    let cpu = 0;
    let rss = 0;
    const look = setInterval(
      (pid = 0) => {
        try {
          cpu = cpuSeconds(pid);
          rss = peakRssBytes(pid) || rss;
        } catch {
          // It ended just now; what was seen last counts.
        }
      },
      5,
      child.pid,
    );
    const [code]: unknown[] = await ended;
    clearInterval(look);
    if (code !== 0) throw new Error(`mysqlbinlog ended with exit code ${String(code)}`);
    return { seconds: (performance.now() - startedAt) / 1000, cpuSeconds: cpu, peakRssMb: rss / 1e6 };
  } finally {
    await rm(directory, { recursive: true });
  }
}

function mysqlbinlog(): Program {
  const inRoot = programInMysqlRoot('usr/bin/mysqlbinlog');
  if (inRoot !== undefined) return inRoot;
  const command = findProgram('mysqlbinlog', 'mariadb-binlog');
  if (command === undefined) throw new Error('mysqlbinlog is not installed; run: node scripts/setup.mjs');
  return { command, args: [], basedir: undefined };
}
