import { execFileSync } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { spawnTethered } from '../../scripts/servers/tether.ts';

/**
 * A process as a container engine would start it: process 1 of its own process namespace, a user without any
 * capability, every file system read-only, no environment but the given one.
 */
export interface ConfinedProcess {
  /** All output so far. */
  output(): string;
  /** As the engine sends it: to process 1. */
  signal(signal: NodeJS.Signals): Promise<void>;
  readonly exited: Promise<number | null>;
}

export interface Confinement {
  /** Directories and files of this machine, by the path under /mnt at which the process finds them. */
  readonly mounts: Readonly<Record<string, string>>;
  readonly env: Readonly<Record<string, string>>;
  readonly command: readonly string[];
  readonly uid: number;
}

const NAMESPACES = ['--mount', '--pid', '--fork', '--mount-proc', '--kill-child'];

/** Whether this machine lets the tests make namespaces and mounts. */
export function canConfine(): boolean {
  try {
    execFileSync('unshare', [...NAMESPACES, 'mount', '-t', 'tmpfs', 'tmpfs', '/mnt'], { stdio: 'ignore' });
    return true;
  } catch {
    return false;
  }
}

const SCRIPT = `
set -eu
mount --make-rprivate /
mount -t tmpfs -o mode=755 tmpfs /mnt
uid=$1; shift
while [ "$1" != -- ]; do
  if [ -d "$2" ]; then mkdir -p "/mnt/$1"; else mkdir -p "$(dirname "/mnt/$1")"; touch "/mnt/$1"; fi
  mount --bind "$2" "/mnt/$1"
  shift 2
done
shift
while read -r _ _ _ _ point _; do
  case $point in /proc*|/sys*|/dev*) ;; *) mount -o remount,ro,bind "$point" 2>/dev/null || true ;; esac
done < /proc/self/mountinfo
for place in / /tmp /mnt; do
  if touch "$place/probe" 2>/dev/null; then echo "$place can be written" >&2; exit 90; fi
done
cd /
exec setpriv --reuid "$uid" --regid "$uid" --clear-groups --no-new-privs --inh-caps=-all --bounding-set=-all "$@"
`;

/** Starts it. Needs root, or whatever else \`canConfine\` finds enough. */
export function startConfined({ mounts, env, command, uid }: Confinement): ConfinedProcess {
  const pairs = Object.entries(mounts).flat();
  const assignments = Object.entries(env).map(([name, value]) => `${name}=${value}`);
  const args = ['-c', SCRIPT, 'sh', String(uid), ...pairs, '--', 'env', '-i', ...assignments, ...command];
  const child = spawnTethered('unshare', [...NAMESPACES, 'sh', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const lines: string[] = [];
  for (const stream of [child.stdout, child.stderr])
    if (stream !== null) createInterface({ input: stream }).on('line', (line) => lines.push(line));
  return {
    output: () => lines.join('\n'),
    signal: async (signal) => {
      const { pid } = child;
      const inside = Number.parseInt(await readFile(`/proc/${pid}/task/${pid}/children`, 'utf8'), 10);
      process.kill(inside, signal);
    },
    exited: once(child, 'close').then(([code]) => (typeof code === 'number' ? code : null)),
  };
}
