import { spawn, spawnSync } from 'node:child_process';
import type { ChildProcess, SpawnOptions } from 'node:child_process';

let setprivWorks: boolean | undefined;

/**
 * Starts a child process that is killed when this process ends, however it ends: on SIGKILL no handler of
 * ours runs. The child's pid is the command's own.
 */
export function spawnTethered(command: string, args: readonly string[], options: SpawnOptions): ChildProcess {
  setprivWorks ??= spawnSync('setpriv', ['--pdeathsig', 'KILL', 'true'], { stdio: 'ignore' }).status === 0;
  if (setprivWorks) return spawn('setpriv', ['--pdeathsig', 'KILL', command, ...args], options);
  const child = spawn(command, [...args], options);
  if (child.pid !== undefined) watchFromOutside(child.pid);
  return child;
}

/** For systems without setpriv(1): a shell that kills the child within a second after this process is gone. */
function watchFromOutside(pid: number): void {
  const script = 'while kill -0 "$1" && kill -0 "$2"; do sleep 1; done; kill -KILL "$2"';
  const watchdog = spawn('sh', ['-c', script, 'watchdog', String(process.pid), String(pid)], {
    detached: true,
    stdio: 'ignore',
  });
  watchdog.unref();
}
