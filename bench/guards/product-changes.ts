import type { TestDatabase } from '../../test/support/database.ts';
import { callInParallel, createNumbers } from '../datasets.ts';

/** Updates of the table `products`, one of each of the rows 1 to `rows`; all go from version 1 to version 2. */
export interface ProductChanges {
  readonly name: string;
  readonly rows: number;
  readonly transactions: number;
  prepare(db: TestDatabase): Promise<void>;
  change(db: TestDatabase): Promise<void>;
}

export const TABLE = 'products';
export const VERSION_BEFORE = 1;
export const VERSION_AFTER = 2;

export function productChanges(quick: boolean): readonly ProductChanges[] {
  return [smallTransactions(quick ? 2_000 : 24_000), hugeTransactions(3, quick ? 4_000 : 40_000)];
}

const ROWS_OF_SMALL = 5;

/** Transactions of five rows, as applications make them. */
function smallTransactions(transactions: number): ProductChanges {
  const rows = transactions * ROWS_OF_SMALL;
  return {
    name: 'small transactions',
    rows,
    transactions,
    prepare: async (db) => {
      await createProducts(db, rows);
      await db.query(`
        CREATE PROCEDURE change_products(first_group INT, last_group INT)
        BEGIN
          DECLARE g INT DEFAULT first_group;
          WHILE g <= last_group DO
            UPDATE ${TABLE} SET stock = stock + 1, row_version = row_version + 1
              WHERE id BETWEEN (g - 1) * ${ROWS_OF_SMALL} + 1 AND g * ${ROWS_OF_SMALL};
            SET g = g + 1;
          END WHILE;
        END`);
    },
    change: (db) => callInParallel(db, 'change_products', transactions),
  };
}

/** A few transactions of very many rows: reading the binlog costs least here, so that a guard shows most. */
function hugeTransactions(transactions: number, rowsEach: number): ProductChanges {
  const rows = transactions * rowsEach;
  return {
    name: 'huge transactions',
    rows,
    transactions,
    prepare: (db) => createProducts(db, rows),
    change: async (db) => {
      for (let first = 1; first <= rows; first += rowsEach) {
        await db.query(
          `UPDATE ${TABLE} SET stock = stock + 1, row_version = row_version + 1 WHERE id BETWEEN ? AND ?`,
          [first, first + rowsEach - 1],
        );
      }
    },
  };
}

/** About 300 bytes a row image. */
async function createProducts(db: TestDatabase, rows: number): Promise<void> {
  await createNumbers(db, rows);
  await db.query(`
    CREATE TABLE ${TABLE} (
      id BIGINT PRIMARY KEY,
      row_version BIGINT UNSIGNED NOT NULL,
      name VARCHAR(80) NOT NULL,
      price DECIMAL(12,2) NOT NULL,
      stock INT NOT NULL,
      description VARCHAR(400) NOT NULL,
      created_at DATETIME(3) NOT NULL
    )`);
  await db.query(
    `INSERT INTO ${TABLE}
     SELECT n, ?, CONCAT('product number ', n), n / 7, n % 1000, RPAD(CONCAT('text of ', n), 220, '.'),
       '2026-01-02 03:04:05.678'
     FROM numbers WHERE n <= ?`,
    [VERSION_BEFORE, rows],
  );
}
