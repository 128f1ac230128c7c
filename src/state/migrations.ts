import { quoteIdentifier } from './sql-identifier.ts';

/** One step of the state tables' history. Statements are idempotent: two daemons may both run them. */
export interface Migration {
  readonly version: number;
  readonly statements: (database: string) => readonly string[];
}

/**
 * In order of version, never changed once released. Names compare byte by byte, so that `Shop` and `shop` are
 * two clients on every server. `updated_at` is UTC.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: (database) => [
      `CREATE TABLE IF NOT EXISTS ${quoteIdentifier(database)}.positions (
  client_id VARCHAR(64) NOT NULL PRIMARY KEY,
  server_uuid VARCHAR(64) NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL,
  binlog_file VARCHAR(512) NOT NULL,
  binlog_position BIGINT UNSIGNED NOT NULL,
  binlog_file_created_at BIGINT UNSIGNED NOT NULL,
  gtid_set LONGTEXT NULL,
  mapping_hash VARCHAR(128) NOT NULL,
  fencing_token BIGINT UNSIGNED NOT NULL,
  updated_at DATETIME(3) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
    ],
  },
  {
    version: 2,
    statements: (database) => [
      `CREATE TABLE IF NOT EXISTS ${quoteIdentifier(database)}.position_history (
  client_id VARCHAR(64) NOT NULL,
  slot TINYINT UNSIGNED NOT NULL,
  applied_at DATETIME(3) NOT NULL,
  server_uuid VARCHAR(64) NOT NULL,
  epoch BIGINT UNSIGNED NOT NULL,
  binlog_file VARCHAR(512) NOT NULL,
  binlog_position BIGINT UNSIGNED NOT NULL,
  binlog_file_created_at BIGINT UNSIGNED NOT NULL,
  gtid_set LONGTEXT NULL,
  PRIMARY KEY (client_id, slot)
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
      `CREATE TABLE IF NOT EXISTS ${quoteIdentifier(database)}.datasets (
  client_id VARCHAR(64) NOT NULL PRIMARY KEY,
  identity TEXT NOT NULL,
  updated_at DATETIME(3) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
    ],
  },
  {
    version: 3,
    statements: (database) => [
      `CREATE TABLE IF NOT EXISTS ${quoteIdentifier(database)}.leases (
  client_id VARCHAR(64) NOT NULL PRIMARY KEY,
  fencing_token BIGINT UNSIGNED NOT NULL,
  holder VARCHAR(255) NOT NULL,
  admin_address VARCHAR(255) NULL,
  acquired_at DATETIME(3) NOT NULL
) ENGINE=InnoDB DEFAULT CHARSET=utf8mb4 COLLATE=utf8mb4_bin`,
    ],
  },
];

/** The version that this program reads and writes. */
export const STATE_VERSION = Math.max(...MIGRATIONS.map(({ version }) => version));

/** The statement that creates the database. */
export function createDatabaseStatement(database: string): string {
  return `CREATE DATABASE IF NOT EXISTS ${quoteIdentifier(database)}`;
}

/** The statement that creates the table of applied versions. */
export function createVersionsStatement(database: string): string {
  return `CREATE TABLE IF NOT EXISTS ${quoteIdentifier(database)}.schema_migrations (
  version INT UNSIGNED NOT NULL PRIMARY KEY,
  applied_at DATETIME NOT NULL
) ENGINE=InnoDB`;
}

/** The statement that notes a version as applied. */
export function noteVersionStatement(database: string, version: number): string {
  return (
    `INSERT IGNORE INTO ${quoteIdentifier(database)}.schema_migrations (version, applied_at) ` +
    `VALUES (${version}, UTC_TIMESTAMP())`
  );
}

/**
 * All statements that make the state tables, for an administrator to run where the daemon's account may not
 * create tables. They may be run again at any time.
 */
export function stateDdl(database: string): string[] {
  return [
    createDatabaseStatement(database),
    createVersionsStatement(database),
    ...MIGRATIONS.flatMap(({ version, statements }) => [
      ...statements(database),
      noteVersionStatement(database, version),
    ]),
  ];
}
