import type { ColumnValue } from '../../change/row-change.ts';
import type { ByteReader } from './byte-reader.ts';
import { TYPE } from './column-type.ts';
import type { ColumnDefinition } from './table-map.ts';
import type { CollationCharsets } from './text-decoder.ts';
import { valueReader } from './value-readers.ts';
import type { ValueReader } from './value-readers.ts';

/** What to do with one column, or with several neighbours that are only skipped. */
export type Step =
  | { readonly kind: 'skip'; readonly bytes: number }
  | { readonly kind: 'skip-prefixed'; readonly prefix: number }
  | { readonly kind: 'take'; readonly slot: number; readonly read: ValueReader; readonly integer: number };

/** Instructions are three numbers: what to do, and two operands. */
const OP = { SKIP: 0, SKIP_PREFIXED: 1, TAKE: 2, TAKE_INT32: 3, TAKE_UINT32: 4, TAKE_INT64: 5 } as const;
const WORDS = 3;
const SAFE_HIGH = 0x20_0000;

/** The step for a column of which `slot` is the place in the images, -1 for one that nobody wants. */
export function stepOf(column: ColumnDefinition, slot: number, charsets: CollationCharsets): Step {
  const read = slot < 0 ? undefined : valueReader(column, charsets);
  if (read !== undefined) return { kind: 'take', slot, read, integer: integerOp(column) };
  const { extent } = column;
  return extent.kind === 'fixed'
    ? { kind: 'skip', bytes: extent.bytes }
    : { kind: 'skip-prefixed', prefix: extent.prefix };
}

/**
 * The steps of an image without NULL, as a flat list of numbers: a row takes a few of these instead of a call for
 * each of its columns.
 */
export class RowProgram {
  readonly #code: Int32Array;
  readonly #readers: readonly ValueReader[];

  constructor(steps: readonly Step[]) {
    const code: number[] = [];
    const readers: ValueReader[] = [];
    let skipped = -1;
    for (const step of steps) {
      if (step.kind === 'skip' && skipped >= 0) {
        code[skipped] = (code[skipped] ?? 0) + step.bytes;
        continue;
      }
      skipped = -1;
      switch (step.kind) {
        case 'skip':
          skipped = code.length + 1;
          code.push(OP.SKIP, step.bytes, 0);
          break;
        case 'skip-prefixed':
          code.push(OP.SKIP_PREFIXED, step.prefix, 0);
          break;
        case 'take':
          code.push(step.integer, readers.length, step.slot);
          readers.push(step.read);
          break;
      }
    }
    this.#code = Int32Array.from(code);
    this.#readers = readers;
  }

  /**
   * Reads one image, from where the reader stands to where the next one begins.
   * @throws RangeError when it goes on behind the reader's end
   */
  run(reader: ByteReader, image: ColumnValue[]): void {
    const { view } = reader;
    const code = this.#code;
    let at = reader.offset;
    for (let pc = 0; pc < code.length; pc += WORDS) {
      const operand = code[pc + 1] ?? 0;
      switch (code[pc]) {
        case OP.SKIP:
          at += operand;
          break;
        case OP.SKIP_PREFIXED:
          at += operand + prefixed(view, at, operand);
          break;
        case OP.TAKE_INT32:
          image[code[pc + 2] ?? 0] = view.getInt32(at, true);
          at += 4;
          break;
        case OP.TAKE_UINT32:
          image[code[pc + 2] ?? 0] = view.getUint32(at, true);
          at += 4;
          break;
        case OP.TAKE_INT64: {
          const high = view.getInt32(at + 4, true);
          if (high < SAFE_HIGH && high >= 0) {
            image[code[pc + 2] ?? 0] = high * 2 ** 32 + view.getUint32(at, true);
            at += 8;
            break;
          }
          at = this.#take(reader, at, operand, image, code[pc + 2] ?? 0);
          break;
        }
        default:
          at = this.#take(reader, at, operand, image, code[pc + 2] ?? 0);
      }
    }
    if (at > reader.end) throw new RangeError('an image goes on behind the end of the event');
    reader.offset = at;
  }

  #take(reader: ByteReader, at: number, index: number, image: ColumnValue[], slot: number): number {
    reader.offset = at;
    image[slot] = this.#readers[index]?.(reader);
    return reader.offset;
  }
}

function prefixed(view: DataView, at: number, bytes: number): number {
  switch (bytes) {
    case 1:
      return view.getUint8(at);
    case 2:
      return view.getUint16(at, true);
    case 3:
      return view.getUint16(at, true) + view.getUint8(at + 2) * 2 ** 16;
    default:
      return view.getUint32(at, true);
  }
}

/** The instruction that reads a column's values without a call, for the types that most keys are made of. */
function integerOp({ type, unsigned }: ColumnDefinition): number {
  if (type === TYPE.LONG) return unsigned ? OP.TAKE_UINT32 : OP.TAKE_INT32;
  return type === TYPE.LONGLONG ? OP.TAKE_INT64 : OP.TAKE;
}
