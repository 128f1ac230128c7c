import { eventually } from './eventually.ts';
import type { Shop } from './shop.ts';
import type { TestMysqlServer } from './provider.ts';

/** The row in which a daemon keeps its position. */
export interface StoredPosition {
  readonly serverUuid: string;
  readonly epoch: number;
  readonly file: string;
  readonly offset: number;
  readonly fileCreatedAt: number;
  readonly gtidSet: string | null;
}

/** Reads the position that the daemon of this database has stored. */
export async function storedPosition({ db }: Pick<Shop, 'db'>): Promise<StoredPosition> {
  const [row] = await db.query(`SELECT * FROM ${db.stateDatabase}.positions`);
  if (row === undefined) throw new Error('no position is stored');
  const gtids = row['gtid_set'];
  return {
    serverUuid: String(row['server_uuid']),
    epoch: Number(row['epoch']),
    file: String(row['binlog_file']),
    offset: Number(row['binlog_position']),
    fileCreatedAt: Number(row['binlog_file_created_at']),
    gtidSet: typeof gtids === 'string' ? gtids : null,
  };
}

/** Changes the stored position, as a test's way to another state of the server; `assignments` is SQL. */
export async function alterPosition(shop: Shop, assignments: string): Promise<void> {
  await shop.db.query(`UPDATE ${shop.db.stateDatabase}.positions SET ${assignments}`);
}

/** Removes all binlogs and begins to number files and GTIDs anew, in another second than the files before. */
export async function resetBinlogs(server: TestMysqlServer, shop: Shop): Promise<void> {
  await nextSecond(shop);
  await shop.db.query(server.flavour === 'mysql' ? 'RESET BINARY LOGS AND GTIDS' : 'RESET MASTER');
}

/** The creation of a binlog file is noted in seconds: two files of one second cannot be told apart. */
async function nextSecond(shop: Shop): Promise<void> {
  const read = async (): Promise<number> => {
    const [row] = await shop.db.query('SELECT UNIX_TIMESTAMP() AS now');
    return Number(row?.['now']);
  };
  const start = await read();
  await eventually('the next second', read, (now) => now > start);
}

/** The newest binlog file and its size. */
export async function binlogEnd(shop: Shop): Promise<{ readonly file: string; readonly size: number }> {
  const files = await shop.db.query('SHOW BINARY LOGS');
  return { file: String(files.at(-1)?.['Log_name']), size: Number(files.at(-1)?.['File_size']) };
}

/** Begins a new binlog file and removes all older ones. */
export async function purgeBinlogs(shop: Shop): Promise<void> {
  await shop.db.query('FLUSH BINARY LOGS');
  const { file } = await binlogEnd(shop);
  await eventually('nobody reads the older files', async () => {
    await shop.db.query(`PURGE BINARY LOGS TO '${file}'`);
    return (await shop.db.query('SHOW BINARY LOGS')).length === 1;
  });
}

/** Writes to an unmapped table until the newest binlog file has more than `size` bytes. */
export async function growBinlog(shop: Shop, size: number): Promise<void> {
  while ((await binlogEnd(shop)).size <= size) {
    await shop.db.query('INSERT INTO unmapped VALUES (1, 1) ON DUPLICATE KEY UPDATE n = n + 1');
  }
}
