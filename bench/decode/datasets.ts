import type { TestDatabase } from '../../test/support/database.ts';
import { callInParallel, createNarrow, createWide, narrowHuge, narrowSmall, wideSmall } from '../datasets.ts';

export const DECODE_DATASETS = [
  'narrow-small',
  'narrow-huge',
  'wide-small',
  'wide-huge',
  'unmapped',
  'million',
] as const;
export type DecodeDatasetName = (typeof DECODE_DATASETS)[number];

/** Changes to decode. The last transaction is one of `table`, the mapped one. */
export interface DecodeDataset {
  readonly table: string;
  /** Row changes of `table`. */
  readonly rows: number;
  prepare(db: TestDatabase): Promise<void>;
  change(db: TestDatabase): Promise<void>;
}

/** Of 100 transactions, those that change the mapped table. */
const MAPPED_PERCENT = 1;
const UNMAPPED_TABLE = 'narrow_other';

/**
 * Sized so that the fastest reader takes half a second, most of it with its code compiled; `quick` is a twentieth and
 * less.
 */
export function decodeDatasetOf(name: DecodeDatasetName, quick: boolean): DecodeDataset {
  switch (name) {
    case 'narrow-small':
      return narrowSmall(quick ? 8_000 : 600_000);
    case 'narrow-huge':
      return quick ? narrowHuge(2, 20_000) : narrowHuge(4, 150_000);
    case 'wide-small':
      return wideSmall(quick ? 1_000 : 60_000);
    case 'wide-huge':
      return wideHuge(quick ? 5_000 : 80_000);
    case 'unmapped':
      return mostlyUnmapped(quick ? 10_000 : 600_000);
    case 'million':
      return narrowHuge(1, quick ? 50_000 : 1_000_000);
  }
}

/** One transaction with a wide row in every change. */
function wideHuge(rows: number): DecodeDataset {
  return {
    table: 'wide_huge',
    rows,
    prepare: (db) => createWide(db, 'wide_huge', rows),
    change: async (db) => {
      await db.query('UPDATE wide_huge SET i1 = i1 + 1');
    },
  };
}

/** Single-row updates: 99 of 100 are of a table that no rule names. */
function mostlyUnmapped(transactions: number): DecodeDataset {
  const groups = (transactions / 100) * MAPPED_PERCENT;
  return {
    table: 'narrow_mapped',
    rows: groups + 1,
    prepare: async (db) => {
      await createNarrow(db, 'narrow_mapped', groups + 1);
      await createNarrow(db, UNMAPPED_TABLE, transactions);
      await db.query(`
        CREATE PROCEDURE change_unmapped(first_group INT, last_group INT)
        BEGIN
          DECLARE g INT DEFAULT first_group;
          DECLARE no INT;
          WHILE g <= last_group DO
            SET no = 1;
            WHILE no < 100 DO
              UPDATE ${UNMAPPED_TABLE} SET a = a + 1 WHERE id = (g - 1) * 100 + no;
              SET no = no + 1;
            END WHILE;
            UPDATE narrow_mapped SET a = a + 1 WHERE id = g;
            SET g = g + 1;
          END WHILE;
        END`);
    },
    change: async (db) => {
      await callInParallel(db, 'change_unmapped', groups);
      await db.query('UPDATE narrow_mapped SET a = a + 1 WHERE id = ?', [groups + 1]);
    },
  };
}
