import { EVENT } from './event-type.ts';
import type { RowsFormat, RowsKind } from './row-decoder.ts';

const format = (kind: RowsKind, traits: Partial<RowsFormat> = {}): RowsFormat => ({
  kind,
  v2: true,
  compressed: false,
  partial: false,
  ...traits,
});
const V1 = { v2: false };
const COMPRESSED = { compressed: true };
const COMPRESSED_V1 = { compressed: true, v2: false };

const FORMATS: ReadonlyMap<number, RowsFormat> = new Map([
  [EVENT.WRITE_ROWS_V1, format('insert', V1)],
  [EVENT.UPDATE_ROWS_V1, format('update', V1)],
  [EVENT.DELETE_ROWS_V1, format('delete', V1)],
  [EVENT.WRITE_ROWS, format('insert')],
  [EVENT.UPDATE_ROWS, format('update')],
  [EVENT.DELETE_ROWS, format('delete')],
  [EVENT.PARTIAL_UPDATE_ROWS, format('update', { partial: true })],
  [EVENT.MARIADB_WRITE_ROWS_COMPRESSED_V1, format('insert', COMPRESSED_V1)],
  [EVENT.MARIADB_UPDATE_ROWS_COMPRESSED_V1, format('update', COMPRESSED_V1)],
  [EVENT.MARIADB_DELETE_ROWS_COMPRESSED_V1, format('delete', COMPRESSED_V1)],
  [EVENT.MARIADB_WRITE_ROWS_COMPRESSED, format('insert', COMPRESSED)],
  [EVENT.MARIADB_UPDATE_ROWS_COMPRESSED, format('update', COMPRESSED)],
  [EVENT.MARIADB_DELETE_ROWS_COMPRESSED, format('delete', COMPRESSED)],
]);

/** How the rows of each event type are written, by its code; undefined for events that hold no rows. */
export const ROWS_FORMATS: readonly (RowsFormat | undefined)[] = Array.from({ length: 256 }, (_, type) =>
  FORMATS.get(type),
);
