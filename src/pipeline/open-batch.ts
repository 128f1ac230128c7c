import { commandIdentity, requestIdentity } from '../change/command.ts';
import type { CacheCommand, CommandBatch, LookupRequest } from '../change/command.ts';
import { coalesce } from './coalesce.ts';
import type { KeyCommand } from './coalesce.ts';
import type { SourcePosition } from '../change/position.ts';
import type { CommitMark } from '../change/source-event.ts';

export interface BatchLimits {
  /** Commands and lookups after coalescing. */
  readonly maxCommands: number;
  /** Binlog bytes that the commands came from. */
  readonly maxBytes: number;
}

/**
 * The batch that is being filled. Commands on the same key coalesce: a hundred updates of one row inside a
 * batch are one delete. Commands are idempotent, so dropping a repeated one loses nothing. Lookups coalesce by
 * their parameters: they are asked after everything in the batch is visible, so one answer serves all.
 */
export class OpenBatch {
  readonly #limits: BatchLimits;
  #keys = new Map<string, KeyCommand>();
  #sets = new Map<string, CacheCommand>();
  #generations = new Map<string, CacheCommand>();
  #scopes = new Map<string, CacheCommand>();
  #lookups = new Map<string, LookupRequest>();
  #marks: CommitMark[] = [];
  #bytes = 0;
  #oldestCommitAt: number | undefined;
  #resumeAfter: SourcePosition | undefined;

  constructor(limits: BatchLimits) {
    this.#limits = limits;
  }

  get isEmpty(): boolean {
    return this.#size === 0 && this.#resumeAfter === undefined;
  }

  get isFull(): boolean {
    return this.#size >= this.#limits.maxCommands || this.#bytes >= this.#limits.maxBytes;
  }

  get bytes(): number {
    return this.#bytes;
  }

  get oldestCommitAt(): number | undefined {
    return this.#oldestCommitAt;
  }

  get #size(): number {
    return (
      this.#keys.size + this.#sets.size + this.#generations.size + this.#scopes.size + this.#lookups.size
    );
  }

  /** Adds commands; later ones on the same key or pattern take the place of earlier ones. */
  add(commands: readonly CacheCommand[]): void {
    for (const command of commands) {
      switch (command.kind) {
        case 'delete':
        case 'update': {
          const earlier = this.#keys.get(command.key);
          this.#keys.set(command.key, earlier === undefined ? command : coalesce(earlier, command));
          break;
        }
        case 'set-keys':
          this.#sets.set(command.key, command);
          break;
        case 'generation':
          this.#generations.set(command.key, command);
          break;
        case 'scope':
          this.#scopes.set(commandIdentity(command), command);
          break;
      }
    }
  }

  /** Adds lookups; of those with the same number and parameters one is kept. */
  addLookups(requests: readonly LookupRequest[]): void {
    for (const request of requests) this.#lookups.set(requestIdentity(request), request);
  }

  /** The commands and lookups that were added come from this transaction. */
  mark(mark: CommitMark): void {
    if (this.#marks.at(-1) !== mark) this.#marks.push(mark);
  }

  /** Counts binlog bytes and the commit time (ms since the epoch) of a slice whose commands were added. */
  account(bytes: number, committedAt: number): void {
    this.#bytes += bytes;
    this.#oldestCommitAt = Math.min(this.#oldestCommitAt ?? committedAt, committedAt);
  }

  /** Everything before `position` is in this batch or in an earlier one. */
  endAt(position: SourcePosition): void {
    this.#resumeAfter = position;
  }

  /** Takes the content as a batch and leaves this one empty. */
  take(seq: number): CommandBatch {
    const batch: CommandBatch = {
      seq,
      commands: [
        ...this.#keys.values(),
        ...this.#sets.values(),
        ...this.#generations.values(),
        ...this.#scopes.values(),
      ],
      lookups: [...this.#lookups.values()],
      bytes: this.#bytes,
      marks: this.#marks,
      ...(this.#oldestCommitAt === undefined ? {} : { oldestCommitAt: this.#oldestCommitAt }),
      ...(this.#resumeAfter === undefined ? {} : { resumeAfter: this.#resumeAfter }),
    };
    this.#keys = new Map();
    this.#sets = new Map();
    this.#generations = new Map();
    this.#scopes = new Map();
    this.#lookups = new Map();
    this.#marks = [];
    this.#bytes = 0;
    this.#oldestCommitAt = undefined;
    this.#resumeAfter = undefined;
    return batch;
  }
}
