import type { CacheCommand, CommandBatch } from '../change/command.ts';

export type SetCommand = Extract<CacheCommand, { kind: 'set-keys' }>;
export type ScopeCommand = Extract<CacheCommand, { kind: 'scope' }>;

/** Keys that one command takes. */
interface KeyGroup {
  /** Stands for the group where an error has to name one command. */
  readonly first: CacheCommand;
  readonly keys: string[];
}

/** A batch in the order in which it is worked off, each key and pattern once. */
interface BatchParts {
  readonly deletes: readonly KeyGroup[];
  readonly sets: readonly SetCommand[];
  readonly generations: readonly KeyGroup[];
  readonly scopes: readonly ScopeCommand[];
}

export function splitBatch({ commands }: CommandBatch, keysPerCommand: number): BatchParts {
  const deletes: KeyGroup[] = [];
  const generations: KeyGroup[] = [];
  const sets = new Map<string, SetCommand>();
  const counters = new Set<string>();
  const scopes: ScopeCommand[] = [];
  const group = (groups: KeyGroup[], command: Exclude<CacheCommand, ScopeCommand>): void => {
    const last = groups.at(-1);
    if (last === undefined || last.keys.length >= keysPerCommand) {
      groups.push({ first: command, keys: [command.key] });
    } else {
      last.keys.push(command.key);
    }
  };
  for (const command of commands) {
    switch (command.kind) {
      case 'delete':
        group(deletes, command);
        break;
      case 'set-keys':
        sets.set(command.key, command);
        break;
      case 'generation':
        if (!counters.has(command.key)) group(generations, command);
        counters.add(command.key);
        break;
      case 'scope':
        scopes.push(command);
        break;
    }
  }
  return { deletes, sets: [...sets.values()], generations, scopes };
}
