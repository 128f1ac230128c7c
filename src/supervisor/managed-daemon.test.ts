import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { eventually } from '../../test/support/eventually.ts';
import { noteProcess } from '../runtime/process-identity.ts';
import { DaemonNotes } from './daemon-notes.ts';
import { ManagedDaemon } from './managed-daemon.ts';
import type { ManagedDaemonOptions } from './managed-daemon.ts';

/** What a daemon says to its supervisor, without being one. */
const SPEAKS = `
  process.on('message', ({ type, id }) => {
    if (type === 'ping') process.send({ type: 'pong' });
    if (type === 'status') process.send({ type: 'status', id, status: { state: 'running', last_error: null } });
  });
  const ready = () => process.send({ type: 'ready', state: 'running', shutdownTimeout: 1000 });
  const end = (code, exitCode) => process.send(
    { type: 'ended', code, message: 'because', hint: 'Do.', directive: 'fatal', exitCode, files: [], directories: [] },
    () => process.exit(exitCode));
`;
const DRAINS = `${SPEAKS} process.on('SIGTERM', () => setTimeout(() => process.exit(0), 20)); console.log('hello'); ready();`;

let directory: string;
let lines: string[];
let daemon: ManagedDaemon;

beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), 'unstale-managed-'));
  writeFileSync(join(directory, 'shop.yaml'), 'client_id: shop');
  lines = [];
});

afterEach(async () => {
  await daemon.stop(0);
  rmSync(directory, { recursive: true });
});

/** A daemon whose process runs this script. */
function manage(script: string, options: Partial<ManagedDaemonOptions> = {}): ManagedDaemon {
  const log = (): void => undefined;
  daemon = new ManagedDaemon({
    plan: { clientId: 'shop', configFile: join(directory, 'shop.yaml'), shutdownTimeout: 1000 },
    command: { program: process.execPath, args: ['-e', script], cwd: directory, environment: process.env },
    sink: { write: (line) => lines.push(line), reopen: log, close: () => Promise.resolve() },
    notes: new DaemonNotes(directory),
    log: { info: log, warn: log, error: log },
    leftBehind: undefined,
    longestDelay: 100,
    onChange: log,
    ...options,
  });
  daemon.start();
  return daemon;
}

async function pidOfReady(other?: number | null): Promise<number> {
  await eventually('a process is ready', async () => {
    const { state, pid } = await daemon.report();
    return state === 'running' && pid !== other;
  });
  return (await daemon.report()).pid ?? 0;
}

describe('a managed daemon', () => {
  it('comes back when it is killed, and is told apart from the one before', async () => {
    manage(DRAINS);
    const first = await pidOfReady();
    expect(existsSync(join(directory, 'daemons', 'shop.pid'))).toBe(true);
    process.kill(first, 'SIGKILL');
    await pidOfReady(first);
    expect(await daemon.report()).toMatchObject({
      restarts: 1,
      last_error: { code: 'UNSTALE_DAEMON_CRASHED', message: expect.stringContaining('SIGKILL') },
    });
    expect(lines).toEqual(['hello', 'hello']);
    await daemon.stop();
    expect(await daemon.report()).toMatchObject({ state: 'stopped', pid: null });
    expect(existsSync(join(directory, 'daemons', 'shop.pid'))).toBe(false);
  });

  it('is killed and comes back when it says nothing any more', async () => {
    manage(DRAINS, { longestSilence: 300 });
    const first = await pidOfReady();
    process.kill(first, 'SIGSTOP');
    await eventually('another process', async () => {
      daemon.watch();
      const { pid, state } = await daemon.report();
      return pid !== first && state === 'running';
    });
    expect((await daemon.report()).last_error?.code).toBe('UNSTALE_DAEMON_HUNG');
  });

  it('is given up when its configuration is wrong, and comes back when a file of it changes', async () => {
    manage(`${SPEAKS}
      if (require('node:fs').readFileSync('shop.yaml', 'utf8').includes('mended')) ready();
      else end('UNSTALE_CONFIG_INVALID', 2);`);
    await daemon.settled();
    expect(await daemon.report()).toMatchObject({
      state: 'gave_up',
      restarts: 0,
      last_error: { code: 'UNSTALE_CONFIG_INVALID', message: 'because', hint: 'Do.' },
    });
    writeFileSync(join(directory, 'shop.yaml'), 'client_id: mended');
    await pidOfReady();
  });

  it('is killed when it does not end in time', async () => {
    manage(`${SPEAKS} process.on('SIGTERM', () => undefined); ready();`);
    await pidOfReady();
    await daemon.stop(50);
    expect(daemon.lastExit).toBe(1);
  });

  it('stays stopped when it is stopped in the middle of a restart', async () => {
    manage(DRAINS);
    await pidOfReady();
    let stopping = false;
    const restarted = daemon.restart(() => !stopping);
    stopping = true;
    await Promise.all([daemon.stop(), restarted]);
    expect(await daemon.report()).toMatchObject({ state: 'stopped', pid: null });
  });

  it('waits for the process that an earlier supervisor has left', async () => {
    const old = spawn('sleep', ['60'], { stdio: 'ignore' });
    await once(old, 'spawn');
    manage(DRAINS, { leftBehind: noteProcess(old.pid ?? 0) });
    await new Promise((resolve) => setTimeout(resolve, 100));
    expect(await daemon.report()).toMatchObject({ state: 'starting', pid: null });
    old.kill('SIGKILL');
    await pidOfReady();
  });

  it('that cannot be started at all is tried again', async () => {
    manage('', { command: { program: '/nowhere', args: [], cwd: directory, environment: {} } });
    await daemon.settled();
    const { state, last_error: error } = await daemon.report();
    expect(['waiting', 'starting']).toContain(state);
    expect(error?.message).toContain('ENOENT');
  });
});
