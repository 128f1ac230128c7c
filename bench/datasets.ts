import type { TestDatabase } from '../test/support/database.ts';
import type { DatasetName } from './options.ts';

/** Changes of one table whose ids run from 1 without a gap: the keys to be removed are `table:1` and so on. */
export interface Dataset {
  readonly name: DatasetName;
  readonly table: string;
  readonly transactions: number;
  /** Row changes, each of another row. */
  readonly rows: number;
  /** Creates the table and the rows that the changes need. */
  prepare(db: TestDatabase): Promise<void>;
  /** Makes the changes. */
  change(db: TestDatabase): Promise<void>;
}

/** Connections that write at the same time; they share commits, which is faster than one. */
const WRITERS = 4;

export function datasetOf(name: DatasetName, quick: boolean): Dataset {
  switch (name) {
    case 'narrow-small':
      return narrowSmall(quick ? 12_000 : 100_000);
    case 'narrow-huge':
      return quick ? narrowHuge(4, 10_000) : narrowHuge(4, 50_000);
    case 'wide-small':
      return wideSmall(quick ? 2_000 : 12_000);
  }
}

/** Transactions of one and two rows: updates, inserts and deletes. */
export function narrowSmall(transactions: number): Dataset {
  const groups = transactions / 4;
  const rows = groups * 6;
  return {
    name: 'narrow-small',
    table: 'narrow_small',
    transactions,
    rows,
    prepare: async (db) => {
      await createNarrow(db, 'narrow_small', rows);
      await db.query('DELETE FROM narrow_small WHERE id % 6 = 4');
      await db.query(`
        CREATE PROCEDURE change_narrow_small(first_group INT, last_group INT)
        BEGIN
          DECLARE g INT DEFAULT first_group;
          DECLARE base BIGINT;
          WHILE g <= last_group DO
            SET base = (g - 1) * 6;
            UPDATE narrow_small SET a = a + 1 WHERE id = base + 1;
            UPDATE narrow_small SET a = a + 1 WHERE id IN (base + 2, base + 3);
            INSERT INTO narrow_small VALUES (base + 4, g, CONCAT('new ', g));
            DELETE FROM narrow_small WHERE id IN (base + 5, base + 6);
            SET g = g + 1;
          END WHILE;
        END`);
    },
    change: (db) => callInParallel(db, 'change_narrow_small', groups),
  };
}

/** A few transactions of very many rows. */
export function narrowHuge(transactions: number, rowsEach: number): Dataset {
  const rows = transactions * rowsEach;
  return {
    name: 'narrow-huge',
    table: 'narrow_huge',
    transactions,
    rows,
    prepare: (db) => createNarrow(db, 'narrow_huge', rows),
    change: async (db) => {
      for (let first = 1; first <= rows; first += rowsEach) {
        await db.query('UPDATE narrow_huge SET a = a + 1 WHERE id BETWEEN ? AND ?', [
          first,
          first + rowsEach - 1,
        ]);
      }
    },
  };
}

/** Transactions of five rows with 30 columns of all common types, about 1 kB a row image. */
export function wideSmall(transactions: number): Dataset {
  const rows = transactions * 5;
  return {
    name: 'wide-small',
    table: 'wide_small',
    transactions,
    rows,
    prepare: async (db) => {
      await createWide(db, 'wide_small', rows);
      await db.query(`
        CREATE PROCEDURE change_wide_small(first_group INT, last_group INT)
        BEGIN
          DECLARE g INT DEFAULT first_group;
          WHILE g <= last_group DO
            UPDATE wide_small SET i1 = i1 + 1 WHERE id BETWEEN g * 5 - 4 AND g * 5;
            SET g = g + 1;
          END WHILE;
        END`);
    },
    change: (db) => callInParallel(db, 'change_wide_small', transactions),
  };
}

export async function createNarrow(db: TestDatabase, table: string, rows: number): Promise<void> {
  await createNumbers(db, rows);
  await db.query(`CREATE TABLE ${table} (id BIGINT PRIMARY KEY, a INT NOT NULL, b VARCHAR(32) NOT NULL)`);
  await db.query(`INSERT INTO ${table} SELECT n, n, CONCAT('value ', n) FROM numbers WHERE n <= ?`, [rows]);
}

export async function createWide(db: TestDatabase, table: string, rows: number): Promise<void> {
  const columns: readonly (readonly [definition: string, value: string])[] = [
    ...repeat(8, (no) => [`i${no} INT NOT NULL`, `n + ${no}`]),
    ...repeat(4, (no) => [`l${no} BIGINT NOT NULL`, `n * ${no}000000`]),
    ...repeat(3, (no) => [`d${no} DECIMAL(14,2) NOT NULL`, `n / ${no}`]),
    ...repeat(3, (no) => [`t${no} DATETIME(3) NOT NULL`, `'2025-01-0${no} 10:20:30.456'`]),
    [`day DATE NOT NULL`, `'2025-06-07'`],
    [`state ENUM('new', 'paid', 'sent') NOT NULL`, `1 + n % 3`],
    ...repeat(8, (no) => [`s${no} VARCHAR(120) NOT NULL`, `RPAD(CONCAT('text ${no} of ', n), 90, '.')`]),
    [`note TEXT NULL`, `IF(n % 4 = 0, NULL, REPEAT('note ', 20))`],
  ];
  await createNumbers(db, rows);
  await db.query(
    `CREATE TABLE ${table} (id BIGINT PRIMARY KEY, ${columns.map(([column]) => column).join(', ')})`,
  );
  await db.query(
    `INSERT INTO ${table} SELECT n, ${columns.map(([, value]) => value).join(', ')} FROM numbers WHERE n <= ?`,
    [rows],
  );
}

/** A table of the numbers from 1 to at least `count`. */
export async function createNumbers(db: TestDatabase, count: number): Promise<void> {
  await db.query('CREATE TABLE IF NOT EXISTS numbers (n BIGINT PRIMARY KEY)');
  await db.query('TRUNCATE numbers');
  await db.query('INSERT INTO numbers VALUES (1)');
  for (let have = 1; have < count; have *= 2)
    await db.query('INSERT INTO numbers SELECT n + ? FROM numbers', [have]);
}

export async function callInParallel(db: TestDatabase, procedure: string, groups: number): Promise<void> {
  const share = Math.ceil(groups / WRITERS);
  const firsts = Array.from({ length: WRITERS }, (_, no) => no * share + 1);
  await Promise.all(
    firsts.map((first) => db.query(`CALL ${procedure}(?, ?)`, [first, Math.min(groups, first + share - 1)])),
  );
}

function repeat(
  count: number,
  column: (no: number) => readonly [string, string],
): (readonly [string, string])[] {
  return Array.from({ length: count }, (_, index) => column(index + 1));
}
