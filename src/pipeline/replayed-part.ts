import { formatPosition, isBefore } from '../change/position.ts';
import type { BinlogPlace } from '../change/position.ts';
import type { Log } from './ports.ts';

/** The part of the binlog that may have been applied before, by this run or an earlier one: none of its values is stored. */
export class ReplayedPart {
  readonly #log: Log;
  #end: BinlogPlace | undefined;

  constructor(log: Log) {
    this.#log = log;
  }

  /** What is read from now on is a repetition up to `place`, or up to where one goes that is under way. */
  begin(place: BinlogPlace): void {
    this.#end ??= place;
  }

  /** The binlog is another one, in which no place of the old one is: what is there by now counts. */
  goOnElsewhere(end: BinlogPlace): void {
    if (this.#end !== undefined) this.#end = end;
  }

  /** Whether what begins at `place`, which never goes back but in a repetition, is a part of it. */
  holds(place: BinlogPlace): boolean {
    const end = this.#end;
    if (end === undefined) return false;
    if (isBefore(place, end)) return true;
    this.#log.info(
      { position: formatPosition(end) },
      'behind what may have been applied before: values are stored again',
    );
    this.#end = undefined;
    return false;
  }
}
