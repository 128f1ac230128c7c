import type { TableInterests } from '../../change/table.ts';
import { UnstaleError } from '../../errors/unstale-error.ts';
import { ByteReader, hasBytes, viewOf } from './byte-reader.ts';
import { completeColumns, needsCatalogue } from './catalogue-columns.ts';
import type { ReadCatalogue } from './catalogue-columns.ts';
import { RowDecoder } from './row-decoder.ts';
import { readColumns, readTableNames } from './table-map.ts';
import type { CollationCharsets } from './text-decoder.ts';

export interface KnownTablesOptions {
  readonly flavour: 'mysql' | 'mariadb';
  readonly interests: Pick<TableInterests, 'of'>;
  /** Schema of unstale's state tables when they are on this server. */
  readonly stateSchema: string | undefined;
  readonly charsets: CollationCharsets;
  /** Whether column names may come from the catalogue where the binlog does not hold them (`minimal`). */
  readonly rowMetadata: 'full' | 'minimal';
  readonly readCatalogue: ReadCatalogue;
}

/** What a table id stands for: a mapped table, unstale's own state, or nothing of interest. */
export type Target = RowDecoder | 'own' | 'other';

interface KnownTable {
  /** The TABLE_MAP event's body behind the table's id, to recognise its like without parsing it. */
  readonly bytes: DataView;
  readonly target: Target;
}

/** Tables that are remembered between transactions; each ALTER TABLE gives a table a new id. */
const MAX_TABLES = 512;
/** Ends a statement without rows. */
const NO_TABLE_ID = 0xff_ffff;
const TABLE_ID_BYTES = 6;
const FLAGS_BYTES = 2;

/** The tables that TABLE_MAP events announced, by the ids under which rows refer to them. */
export class KnownTables {
  readonly #options: KnownTablesOptions;
  readonly #tables = new Map<number, KnownTable>();
  #usesCatalogue = false;

  constructor(options: KnownTablesOptions) {
    this.#options = options;
  }

  /** Whether a TABLE_MAP event whose body lies between these offsets says nothing new. */
  knows(view: DataView, body: number, end: number): boolean {
    if (body + TABLE_ID_BYTES + FLAGS_BYTES > end) throw new RangeError('truncated table map');
    const known = this.#tables.get(readTableId(view, body))?.bytes;
    const from = body + TABLE_ID_BYTES;
    return known?.byteLength === end - from && hasBytes(view, from, known);
  }

  /**
   * Takes the TABLE_MAP event whose body lies between these offsets; a promise while the catalogue is asked.
   * @throws UnstaleError UNSTALE_EVENT_UNDECODABLE when the columns of a mapped table have no names; RangeError when
   *   the event is damaged
   */
  announce(buffer: Buffer, view: DataView, body: number, end: number): Promise<void> | undefined {
    const id = readTableId(view, body);
    const from = body + TABLE_ID_BYTES;
    const target = this.#target(new ByteReader(buffer, from + FLAGS_BYTES, end, view));
    // A copy: the buffer belongs to the connection.
    const bytes = viewOf(Buffer.from(buffer.subarray(from, end)));
    if (!(target instanceof Promise)) {
      this.#tables.set(id, { bytes, target });
      return undefined;
    }
    this.#usesCatalogue = true;
    return target.then((resolved) => void this.#tables.set(id, { bytes, target: resolved }));
  }

  /**
   * What the rows of an event are of, whose body begins with the table's id. A stream that begins inside a
   * transaction has rows whose TABLE_MAP it never saw; they may be of any table, so they must not pass as rows of
   * another one.
   */
  targetAt(view: DataView, body: number): Target {
    const id = readTableId(view, body);
    if (id === NO_TABLE_ID) return 'other';
    const target = this.#tables.get(id)?.target;
    if (target === undefined)
      throw new RangeError(
        'rows of a table that was not announced; does the position lie inside a transaction?',
      );
    return target;
  }

  /** At the beginning of a file: table ids begin again with a restart of the server. */
  forget(): void {
    this.#tables.clear();
  }

  /** At the end of a transaction: bounds what is remembered. */
  trim(): void {
    if (this.#tables.size > MAX_TABLES) this.#tables.clear();
  }

  /** A statement may have changed tables, so that what the catalogue said of them has to be asked again. */
  distrustCatalogue(): void {
    if (!this.#usesCatalogue) return;
    this.#usesCatalogue = false;
    this.#tables.clear();
  }

  #target(reader: ByteReader): Target | Promise<Target> {
    const { interests, stateSchema, flavour, charsets, rowMetadata, readCatalogue } = this.#options;
    const { schema, table } = readTableNames(reader);
    if (schema === stateSchema) return 'own';
    const interest = interests.of(schema, table);
    if (interest === undefined) return 'other';
    const columns = readColumns(reader, flavour);
    if (rowMetadata === 'full' && columns.some((column) => column.name === undefined)) {
      throw new UnstaleError(
        'UNSTALE_EVENT_UNDECODABLE',
        `the binlog was written without binlog_row_metadata = FULL for ${schema}.${table}: column names cannot be known`,
      );
    }
    if (!needsCatalogue(columns, interest.columns, flavour))
      return new RowDecoder(interest, columns, charsets);
    return readCatalogue(schema, table).then((catalogue) => {
      const completed = completeColumns(columns, catalogue, charsets);
      // Without names no wanted column is known, so that every row invalidates its rules' scopes.
      return new RowDecoder(interest, completed.ok ? completed.columns : columns, charsets);
    });
  }
}

function readTableId(view: DataView, at: number): number {
  return view.getUint32(at, true) + view.getUint16(at + 4, true) * 2 ** 32;
}
