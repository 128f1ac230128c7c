import { readFileSync } from 'node:fs';

/** In place of the identity of a process of which only the number is left. */
const ENDED = 'ended';

/**
 * What tells a process from a later one that was given the same number: this boot of the machine and the process' start
 * time, in clock ticks since it (proc(5), field 22 of `stat`). Undefined where there is no /proc, and for a process that
 * is not there.
 */
export function processIdentity(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The name of the program may hold spaces and brackets; what follows its last bracket begins with field 3.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const [state = '', started] = [fields[0], fields[19]];
    // It has ended, and its parent has not asked how.
    if (state === 'Z' || state === 'X') return ENDED;
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return started === undefined ? undefined : `${boot}:${started}`;
  } catch {
    return undefined;
  }
}

/** Whether there is a process with this number, also one that has ended and that nobody has waited for. */
function isRunning(pid: number): boolean {
  try {
    process.kill(pid, 0);
    return true;
  } catch (error) {
    // EPERM: it runs, and is someone else's.
    return error instanceof Error && 'code' in error && error.code === 'EPERM';
  }
}

/** A process as it was noted down. */
export interface NotedProcess {
  readonly pid: number;
  /** Empty where nothing but the number is known. */
  readonly identity: string;
}

export function noteProcess(pid: number): NotedProcess {
  return { pid, identity: processIdentity(pid) ?? '' };
}

/** Whether the process that was noted down still runs, and not another one under its number. */
export function isStillRunning({ pid, identity }: NotedProcess): boolean {
  if (!isRunning(pid)) return false;
  const now = processIdentity(pid);
  if (now === ENDED) return false;
  return identity === '' || now === undefined || now === identity;
}

/** Two lines: the number and, unless it is unknown, the identity. */
export function formatNoted({ pid, identity }: NotedProcess): string {
  return identity === '' ? `${pid}\n` : `${pid}\n${identity}\n`;
}

/** Undefined for a text that notes no process, such as an empty one. */
export function parseNoted(text: string): NotedProcess | undefined {
  const [first = '', identity = ''] = text.split('\n');
  const pid = /^[1-9]\d{0,9}$/.test(first) ? Number(first) : undefined;
  return pid === undefined ? undefined : { pid, identity: identity.trim() };
}
