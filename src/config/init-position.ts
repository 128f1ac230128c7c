import type { InitPosition } from './config.ts';
import { accept, refuse } from './parsed.ts';
import type { Parsed } from './parsed.ts';

/** The first event of every binlog file stands behind its four magic bytes. */
const FIRST_OFFSET = 4;

const UUID = /[\da-f]{8}(?:-[\da-f]{4}){3}-[\da-f]{12}/.source;
const INTERVAL = /[1-9]\d*(?:-[1-9]\d*)?/.source;
const TAG = /[a-z_][a-z\d_]{0,31}/.source;
const MYSQL_GTID = `${UUID}(?::(?:${INTERVAL}|${TAG}))*:${INTERVAL}`;
const MYSQL_GTID_SET = new RegExp(`^${MYSQL_GTID}(?:,${MYSQL_GTID})*$`, 'i');
const MARIADB_GTID_SET = /^\d+-\d+-\d+(?:,\d+-\d+-\d+)*$/;

/** `latest`, `earliest`, `FILE:POS` or a GTID set of MySQL or MariaDB, in which white space is no difference. */
export function parseInitPosition(text: string): Parsed<InitPosition> {
  if (text === 'latest' || text === 'earliest') return accept({ from: text });
  const gtidSet = text.replace(/\s/g, '');
  if (MYSQL_GTID_SET.test(gtidSet) || MARIADB_GTID_SET.test(gtidSet))
    return accept({ from: 'gtid', gtidSet });
  const [, file, digits] = /^([^\s:/]+\.\d+):(\d+)$/.exec(text) ?? [];
  const offset = Number(digits);
  if (file === undefined || !Number.isSafeInteger(offset) || offset < FIRST_OFFSET) {
    return refuse(
      'is not a position',
      'write latest, earliest, FILE:POS such as binlog.000042:4, or a GTID set',
    );
  }
  return accept({ from: 'file', file, offset });
}
