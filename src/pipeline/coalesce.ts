import { commandIdentity } from '../change/command.ts';
import type { CacheCommand } from '../change/command.ts';

/** A command on one key that later ones of the same batch may replace. */
export type KeyCommand = Extract<CacheCommand, { kind: 'delete' | 'update' }>;

/**
 * The one command that does to a key what two in this order would do, or more. The later one decides what is in
 * Redis; the higher version stays. An update whose version is below an earlier one is a removal: the two versions
 * contradict the order of their commits, so that neither may be trusted.
 */
export function coalesce(earlier: KeyCommand, later: KeyCommand): KeyCommand {
  if (earlier.kind === 'delete') {
    if (earlier.guard === undefined) return later;
    if (later.kind === 'delete' && later.guard === earlier.guard && earlier.guard.kind === 'lease')
      return later;
  }
  const known = versionOf(earlier);
  const version = versionOf(later);
  if (later.kind === 'update') {
    if (known === undefined || !isBelow(later.version, known)) return later;
    const { key, rule } = later;
    return { kind: 'delete', key, rule, guard: { kind: 'marker', version: known, holdMs: holdOf(earlier) } };
  }
  const holdMs = Math.max(holdOf(earlier), holdOf(later));
  const highest = version === undefined || (known !== undefined && isBelow(version, known)) ? known : version;
  if (highest === undefined && holdMs === 0) {
    // A marker keeps the versions that are known of the key; the lease does not.
    return later.guard?.kind === 'marker' || earlier.kind === 'update'
      ? later
      : { ...later, ...guardOf(earlier) };
  }
  const guard = { kind: 'marker', holdMs, ...(highest === undefined ? {} : { version: highest }) } as const;
  return { ...later, guard };
}

function versionOf(command: KeyCommand) {
  if (command.kind === 'update') return command.version;
  return command.guard?.kind === 'marker' ? command.guard.version : undefined;
}

function holdOf(command: KeyCommand): number {
  return command.kind === 'delete' && command.guard?.kind === 'marker' ? command.guard.holdMs : 0;
}

function guardOf(command: KeyCommand): Pick<Extract<KeyCommand, { kind: 'delete' }>, 'guard'> {
  return command.kind === 'delete' && command.guard !== undefined ? { guard: command.guard } : {};
}

/** Versions of two kinds, which differ in length, do not compare; the later one is right then. */
function isBelow(version: string, other: string): boolean {
  return version.length === other.length && version < other;
}

/** The same effects with each key and pattern once. */
export function coalesceAll(commands: readonly CacheCommand[]): readonly CacheCommand[] {
  const keys = new Map<string, KeyCommand>();
  const others = new Map<string, CacheCommand>();
  for (const command of commands) {
    if (command.kind !== 'delete' && command.kind !== 'update') {
      others.set(commandIdentity(command), command);
      continue;
    }
    const earlier = keys.get(command.key);
    keys.set(command.key, earlier === undefined ? command : coalesce(earlier, command));
  }
  return [...keys.values(), ...others.values()];
}
