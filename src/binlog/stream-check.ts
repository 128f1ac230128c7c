import { formatPosition } from '../change/position.ts';
import type { SourcePosition } from '../change/position.ts';
import { locate } from './binlog-files.ts';
import type { BinlogFile } from './binlog-files.ts';

/** What is known of a running dump at one moment. */
export interface StreamState {
  /** The place up to which events arrived. */
  readonly reached: SourcePosition;
  /** Events of the binlog that arrived so far, heartbeats not counted. */
  readonly events: number;
  /** Nothing is read at present, on purpose. */
  readonly paused: boolean;
}

interface Look extends StreamState {
  readonly head: BinlogFile;
}

/**
 * Compares a dump with the server's files, look by look. A RESET removes the file under a dump, which then hears
 * heartbeats as if nothing happened: MySQL and MariaDB read the removed file on, until the new file of its name has
 * grown larger. No event of the stream tells that, only the files do.
 */
export class StreamCheck {
  #previous: Look | undefined;
  /** The end of the binlog for which the dump was doubted last: once is enough, whatever the reason was. */
  #doubted: string | undefined;

  /** Another dump begins. */
  restart(): void {
    this.#previous = undefined;
  }

  /** Why the dump cannot be reading these files, listed just now; undefined if nothing speaks against it. */
  look(files: readonly BinlogFile[], state: StreamState): string | undefined {
    const head = files.at(-1);
    if (head === undefined) return undefined;
    const previous = this.#previous;
    this.#previous = { ...state, head };
    if (previous === undefined) return undefined;
    // Files only grow: what had arrived at the previous look is in them now.
    const place = locate(previous.reached.file, previous.reached.offset, files);
    if (place === 'replaced' || place === 'ahead')
      return `the server's binlogs do not hold ${formatPosition(previous.reached)} any more`;
    // What was written before the previous look has had the time to arrive.
    const silent = previous.events === state.events && !previous.paused && !state.paused;
    const written = `${previous.head.name}:${previous.head.size}`;
    if (!silent || isReached(previous.head, state.reached) || this.#doubted === written) return undefined;
    this.#doubted = written;
    return `the server wrote its binlog up to ${written}, of which nothing arrives behind ${formatPosition(state.reached)}`;
  }
}

/** Whether everything up to `head` was reached. */
function isReached(head: BinlogFile, { file, offset }: SourcePosition): boolean {
  return file === head.name && offset >= head.size;
}
