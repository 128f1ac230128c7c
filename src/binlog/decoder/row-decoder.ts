import { inflateSync } from 'node:zlib';
import type { ColumnValue, RowChange, RowImage } from '../../change/row-change.ts';
import type { TableInterest } from '../../change/table.ts';
import { ByteReader } from './byte-reader.ts';
import type { ColumnDefinition } from './table-map.ts';
import type { CollationCharsets } from './text-decoder.ts';
import { valueReader } from './value-readers.ts';
import type { ValueReader } from './value-readers.ts';

/** What to do with one column, or with several neighbours that are only skipped. */
type Step =
  | { readonly kind: 'skip'; readonly bytes: number }
  | { readonly kind: 'skip-prefixed'; readonly prefix: number }
  | { readonly kind: 'take'; readonly read: ValueReader; readonly slot: number };

export type RowsKind = 'insert' | 'update' | 'delete';

/**
 * Decodes the rows of one version of one table: only the columns that the rules need; the others are skipped
 * by their length. A needed column that this version does not have, or whose type has no exact text, stays
 * undefined in the images, so that the mapping widens to the rule's scope instead of guessing.
 */
export class RowDecoder {
  readonly #interest: TableInterest;
  readonly #columns: number;
  /** An image in which every column is absent. */
  readonly #blank: readonly ColumnValue[];
  /** One step a column. */
  readonly #steps: readonly Step[];
  /** The same for an image that has all columns and no NULL: neighbours that are skipped are one step. */
  readonly #denseSteps: readonly Step[];

  constructor(interest: TableInterest, columns: readonly ColumnDefinition[], charsets: CollationCharsets) {
    this.#interest = interest;
    this.#columns = columns.length;
    this.#blank = interest.columns.map(() => undefined);
    this.#steps = columns.map((column) => {
      // Column names are case-insensitive in MySQL.
      const name = column.name?.toLowerCase();
      const slot = interest.columns.findIndex((wanted) => wanted.toLowerCase() === name);
      const read = slot < 0 ? undefined : valueReader(column, charsets);
      if (read !== undefined) return { kind: 'take', read, slot };
      const { extent } = column;
      return extent.kind === 'fixed'
        ? { kind: 'skip', bytes: extent.bytes }
        : { kind: 'skip-prefixed', prefix: extent.prefix };
    });
    this.#denseSteps = mergeSkips(this.#steps);
  }

  /**
   * Decodes the body of a rows event from the column count on.
   * @throws RangeError when the body is not what the table's definition says
   */
  decode(kind: RowsKind, reader: ByteReader, compressed: boolean): RowChange[] {
    const count = reader.lengthEncoded();
    if (count !== this.#columns || count === 0)
      throw new RangeError('the rows have other columns than their table');
    const bitmapBytes = (count + 7) >> 3;
    const first = this.#presence(reader.bytes(bitmapBytes));
    const second = kind === 'update' ? this.#presence(reader.bytes(bitmapBytes)) : first;
    const rows = compressed ? inflateRows(reader) : reader;
    const { table } = this.#interest;
    const changes: RowChange[] = [];
    while (rows.offset < rows.end) {
      const image = this.#image(rows, first);
      switch (kind) {
        case 'insert':
          changes.push({ op: 'insert', table, after: image });
          break;
        case 'delete':
          changes.push({ op: 'delete', table, before: image });
          break;
        case 'update':
          changes.push({ op: 'update', table, before: image, after: this.#image(rows, second) });
          break;
      }
    }
    return changes;
  }

  #presence(bitmap: Buffer): Presence {
    const present = this.#steps.filter((_, index) => isSet(bitmap, index));
    const complete = present.length === this.#columns;
    return { steps: present, dense: complete ? this.#denseSteps : mergeSkips(present) };
  }

  #image(reader: ByteReader, presence: Presence): RowImage {
    const image = this.#blank.slice();
    const { steps, dense } = presence;
    const nullBytes = (steps.length + 7) >> 3;
    const nullsAt = reader.offset;
    reader.skip(nullBytes);
    let nulls = 0;
    for (let index = 0; index < nullBytes; index += 1) nulls |= reader.buffer[nullsAt + index] ?? 0;
    if (nulls === 0) {
      for (const step of dense) run(step, reader, image);
      return image;
    }
    for (const [index, step] of steps.entries()) {
      const isNull = (((reader.buffer[nullsAt + (index >> 3)] ?? 0) >> (index & 7)) & 1) === 1;
      if (!isNull) run(step, reader, image);
      else if (step.kind === 'take') image[step.slot] = null;
    }
    return image;
  }
}

interface Presence {
  /** Steps of the columns that the images hold, which is also how the bitmap of NULLs counts. */
  readonly steps: readonly Step[];
  readonly dense: readonly Step[];
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

function mergeSkips(steps: readonly Step[]): Step[] {
  const merged: Step[] = [];
  for (const step of steps) {
    const last = merged.at(-1);
    if (step.kind === 'skip' && last?.kind === 'skip') {
      merged[merged.length - 1] = { kind: 'skip', bytes: last.bytes + step.bytes };
    } else {
      merged.push(step);
    }
  }
  return merged;
}

/** Least significant bit first. */
function isSet(bitmap: Buffer, index: number): boolean {
  return (((bitmap[index >> 3] ?? 0) >> (index & 7)) & 1) === 1;
}

/**
 * MariaDB's log_bin_compress: a header byte whose low three bits say how many bytes hold the original length
 * (big-endian), then a zlib stream.
 *
 * Source: MariaDB, sql/log_event.cc, binlog_buf_uncompress.
 */
function inflateRows(reader: ByteReader): ByteReader {
  const header = reader.byte();
  if ((header & 0xf0) !== 0x80) throw new RangeError('unknown compression of a rows event');
  reader.skip(header & 7);
  const rows = inflateSync(reader.bytes(reader.end - reader.offset));
  return new ByteReader(rows, 0, rows.length);
}
