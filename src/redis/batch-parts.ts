import type { CacheCommand, CommandBatch } from '../change/command.ts';
import type { DeleteCommand, UpdateCommand } from './guarded-keys.ts';

export type SetCommand = Extract<CacheCommand, { kind: 'set-keys' }>;
export type ScopeCommand = Extract<CacheCommand, { kind: 'scope' }>;
export type GenerationCommand = Extract<CacheCommand, { kind: 'generation' }>;

/** Commands that go to Redis in one, never empty. */
export type Group<Command> = readonly [first: Command, ...others: Command[]];

/** A batch in the order in which it is worked off, each key and pattern once. */
interface BatchParts {
  /** Keys that go alone, or with their companions. */
  readonly deletes: readonly Group<DeleteCommand>[];
  /** Keys whose companions stay, and tell readers. */
  readonly marked: readonly Group<DeleteCommand>[];
  readonly updates: readonly Group<UpdateCommand>[];
  readonly sets: readonly SetCommand[];
  readonly generations: readonly Group<GenerationCommand>[];
  readonly scopes: readonly ScopeCommand[];
}

/** Bytes of values in one command; a larger value goes alone. */
const MAX_VALUE_BYTES = 1024 * 1024;

export function splitBatch({ commands }: CommandBatch, keysPerCommand: number): BatchParts {
  const deletes = new Groups<DeleteCommand>(keysPerCommand);
  const marked = new Groups<DeleteCommand>(keysPerCommand);
  const updates = new Groups<UpdateCommand>(keysPerCommand);
  const generations = new Groups<GenerationCommand>(keysPerCommand);
  const sets = new Map<string, SetCommand>();
  const counters = new Set<string>();
  const scopes: ScopeCommand[] = [];
  for (const command of commands) {
    switch (command.kind) {
      case 'delete':
        (command.guard?.kind === 'marker' ? marked : deletes).add(command);
        break;
      case 'update':
        updates.add(command, bytesOf(command));
        break;
      case 'set-keys':
        sets.set(command.key, command);
        break;
      case 'generation':
        if (!counters.has(command.key)) generations.add(command);
        counters.add(command.key);
        break;
      case 'scope':
        scopes.push(command);
        break;
    }
  }
  return {
    deletes: deletes.all,
    marked: marked.all,
    updates: updates.all,
    sets: [...sets.values()],
    generations: generations.all,
    scopes,
  };
}

class Groups<Command> {
  readonly all: [Command, ...Command[]][] = [];
  readonly #most: number;
  #bytes = 0;

  constructor(most: number) {
    this.#most = most;
  }

  add(command: Command, bytes = 0): void {
    const last = this.all.at(-1);
    if (last === undefined || last.length >= this.#most || this.#bytes + bytes > MAX_VALUE_BYTES) {
      this.all.push([command]);
      this.#bytes = bytes;
    } else {
      last.push(command);
      this.#bytes += bytes;
    }
  }
}

function bytesOf({ value }: UpdateCommand): number {
  if (typeof value === 'string' || Buffer.isBuffer(value)) return value.length;
  return value.reduce((sum, part) => sum + part.length, 0);
}
