import type { ColumnValue, RowChange, RowImage } from '../../change/row-change.ts';
import type { TableInterest } from '../../change/table.ts';
import type { ByteReader } from './byte-reader.ts';
import { TYPE } from './column-type.ts';
import { inflate } from './control-events.ts';
import { RowProgram, stepOf } from './row-program.ts';
import type { Step } from './row-program.ts';
import type { ColumnDefinition } from './table-map.ts';
import type { CollationCharsets } from './text-decoder.ts';

export type RowsKind = 'insert' | 'update' | 'delete';

/** How the body of a rows event is written. */
export interface RowsFormat {
  readonly kind: RowsKind;
  /** Version 2 has room for extra data in front. */
  readonly v2: boolean;
  /** MariaDB's log_bin_compress. */
  readonly compressed: boolean;
  /** After images may hold differences instead of whole JSON values (binlog_row_value_options = PARTIAL_JSON). */
  readonly partial: boolean;
}

/** The columns that the images of one event hold. */
interface Presence {
  /** Their steps, in the order in which the bitmap of NULLs counts. */
  readonly steps: readonly Step[];
  /** For an image without NULL. */
  readonly program: RowProgram;
  /** Places of wanted columns that they do not hold, though the table has them. */
  readonly absent: readonly number[];
}

const PARTIAL_JSON_UPDATES = 1;

/**
 * Decodes the rows of one version of one table: only the columns that the rules need; the others are skipped
 * by their length. A needed column that this version does not have, or whose type has no exact text, stays
 * undefined in the images, so that the mapping widens to the rule's scope instead of guessing.
 */
export class RowDecoder {
  readonly #interest: TableInterest;
  /** One step a column. */
  readonly #steps: readonly Step[];
  readonly #jsonColumns: number;
  /** An image in which every column is absent. */
  readonly #blank: readonly ColumnValue[];
  /** Images with all columns, by far the most frequent. */
  readonly #complete: Presence;
  /** Before images with all columns, of UPDATEs whose after images have all columns too. */
  readonly #replaced: Presence;

  constructor(interest: TableInterest, columns: readonly ColumnDefinition[], charsets: CollationCharsets) {
    this.#interest = interest;
    this.#blank = interest.columns.map(() => undefined);
    this.#jsonColumns = columns.filter((column) => column.type === TYPE.JSON).length;
    // Column names are case-insensitive in MySQL.
    const isNamed = ({ name }: ColumnDefinition, wanted: string): boolean =>
      wanted.toLowerCase() === name?.toLowerCase();
    this.#steps = columns.map((column) => {
      const slot = interest.columns.findIndex((wanted) => isNamed(column, wanted));
      return stepOf(column, slot, charsets);
    });
    this.#complete = { steps: this.#steps, program: new RowProgram(this.#steps), absent: [] };
    const { onlyAfter = [] } = interest;
    const steps = this.#steps.map((step, index) => {
      const column = columns[index];
      const skipped = column !== undefined && onlyAfter.some((name) => isNamed(column, name));
      return skipped ? stepOf(column, -1, charsets) : step;
    });
    this.#replaced =
      onlyAfter.length === 0 ? this.#complete : { ...this.#complete, steps, program: new RowProgram(steps) };
  }

  /**
   * Decodes the body of a rows event from behind the table id and the flags.
   * @throws RangeError when the body is not what the table's definition says
   */
  decode(format: RowsFormat, reader: ByteReader): RowChange[] {
    // The length counts itself.
    if (format.v2) reader.skip(reader.uint(2) - 2);
    const count = reader.lengthEncoded();
    if (count !== this.#steps.length || count === 0)
      throw new RangeError('the rows have other columns than their table');
    let first = this.#presence(reader, count);
    const second = format.kind === 'update' ? this.#presence(reader, count) : first;
    if (format.kind === 'update' && first === this.#complete && second === first) first = this.#replaced;
    const rows = format.compressed ? inflate(reader) : reader;
    const changes: RowChange[] = [];
    // An image of no columns takes no bytes: INSERT .. VALUES () under binlog_row_image = MINIMAL.
    if (rows.offset === rows.end && first.steps.length === 0)
      changes.push(this.#change(format, rows, first, second));
    while (rows.offset < rows.end) {
      const start = rows.offset;
      changes.push(this.#change(format, rows, first, second));
      if (rows.offset === start) throw new RangeError('rows without columns');
    }
    return changes;
  }

  #change(format: RowsFormat, rows: ByteReader, first: Presence, second: Presence): RowChange {
    const { table } = this.#interest;
    const image = this.#image(rows, first);
    switch (format.kind) {
      case 'insert':
        return { op: 'insert', table, after: image };
      case 'delete':
        return { op: 'delete', table, before: image };
      case 'update': {
        if (format.partial) this.#skipValueOptions(rows);
        return { op: 'update', table, before: image, after: this.#afterImage(rows, second, image) };
      }
    }
  }

  /** Which JSON columns are written as differences; those have a length in front like whole values. */
  #skipValueOptions(rows: ByteReader): void {
    const options = rows.lengthEncoded();
    if ((options & PARTIAL_JSON_UPDATES) !== 0) rows.skip((this.#jsonColumns + 7) >> 3);
  }

  #presence(reader: ByteReader, count: number): Presence {
    const at = reader.offset;
    const bytes = (count + 7) >> 3;
    reader.skip(bytes);
    const { buffer } = reader;
    let present = 0;
    for (let index = 0; index < count; index += 1) {
      present += ((buffer[at + (index >> 3)] ?? 0) >> (index & 7)) & 1;
    }
    if (present === count) return this.#complete;
    const steps: Step[] = [];
    const absent: number[] = [];
    for (const [index, step] of this.#steps.entries()) {
      if ((((buffer[at + (index >> 3)] ?? 0) >> (index & 7)) & 1) === 1) steps.push(step);
      else if (step.kind === 'take') absent.push(step.slot);
    }
    return { steps, program: new RowProgram(steps), absent };
  }

  /**
   * Under binlog_row_image = MINIMAL and NOBLOB an after image leaves out what the UPDATE did not touch. Not so the
   * images of an INSERT, which leave out columns that took their default, and before images.
   */
  #afterImage(reader: ByteReader, presence: Presence, before: RowImage): RowImage {
    const after = this.#image(reader, presence);
    for (const slot of presence.absent) after[slot] = before[slot];
    return after;
  }

  #image(reader: ByteReader, presence: Presence): ColumnValue[] {
    const image = this.#blank.slice();
    const { steps } = presence;
    const { buffer } = reader;
    const nullBytes = (steps.length + 7) >> 3;
    const nullsAt = reader.offset;
    reader.skip(nullBytes);
    let nulls = 0;
    for (let index = 0; index < nullBytes; index += 1) nulls |= buffer[nullsAt + index] ?? 0;
    if (nulls === 0) {
      presence.program.run(reader, image);
      return image;
    }
    for (let index = 0; index < steps.length; index += 1) {
      const step = steps[index];
      if (step === undefined) break;
      const isNull = (((buffer[nullsAt + (index >> 3)] ?? 0) >> (index & 7)) & 1) === 1;
      if (!isNull) run(step, reader, image);
      else if (step.kind === 'take') image[step.slot] = null;
    }
    return image;
  }
}

function run(step: Step, reader: ByteReader, image: ColumnValue[]): void {
  switch (step.kind) {
    case 'take':
      image[step.slot] = step.read(reader);
      break;
    case 'skip':
      reader.skip(step.bytes);
      break;
    case 'skip-prefixed':
      reader.skip(step.prefix === 1 ? reader.byte() : reader.uint(step.prefix));
      break;
  }
}
