import type { MysqlFlavour } from '../scripts/servers/installed.ts';
import type { TestDatabase } from '../test/support/database.ts';

export interface BinlogPlace {
  readonly file: string;
  /** Bytes from the beginning of the file. */
  readonly offset: number;
}

/** Where the next transaction of the server will be written. */
export async function binlogEnd(db: TestDatabase, flavour: MysqlFlavour): Promise<BinlogPlace> {
  const [row] = await db.query(flavour === 'mysql' ? 'SHOW BINARY LOG STATUS' : 'SHOW MASTER STATUS');
  const file = row?.['File'];
  const offset = row?.['Position'];
  if (typeof file !== 'string' || typeof offset !== 'number') {
    throw new Error('the server tells no binlog position');
  }
  return { file, offset };
}

/** Whether everything before `place` is behind `reached`; file names of one server sort by age. */
export function isBehind(place: BinlogPlace, reached: BinlogPlace): boolean {
  return reached.file === place.file ? reached.offset >= place.offset : reached.file > place.file;
}
