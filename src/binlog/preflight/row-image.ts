import type { TableInterest } from '../../change/table.ts';
import { formatTable } from '../../change/table.ts';
import type { ServerFacts } from '../server-facts.ts';
import type { ColumnFacts } from './column-type.ts';
import type { PreflightProblem } from './problem.ts';
import { setGlobal } from './settings.ts';

/** What a binlog_row_image leaves out of rows that a rule needs, and what that removes. */
export interface RowImageCheck {
  readonly server: ServerFacts;
  /** The server's binlog_row_image. */
  readonly rowImage: string;
}

/**
 * Key columns that the binlog may leave out of a row: those outside the primary key under MINIMAL, and of these
 * TEXT under NOBLOB. A table without any key is logged with all its columns.
 *
 * Source: MySQL, sql/table.cc, TABLE::mark_columns_per_binlog_row_image; seen on both servers.
 */
export function checkRowImage(
  interest: TableInterest,
  columns: readonly ColumnFacts[],
  { server, rowImage }: RowImageCheck,
): readonly PreflightProblem[] {
  const image = rowImage.toUpperCase();
  if (image !== 'MINIMAL' && image !== 'NOBLOB') return [];
  if (!columns.some(({ inPrimaryKey }) => inPrimaryKey)) return [];
  const wanted = new Set(interest.columns.map((name) => name.toLowerCase()));
  const left = columns.filter(
    ({ name, dataType, inPrimaryKey }) =>
      wanted.has(name.toLowerCase()) &&
      !inPrimaryKey &&
      (image === 'MINIMAL' || /text$|blob$/.test(dataType)),
  );
  if (left.length === 0) return [];
  const table = formatTable(interest.table);
  const [names, are] = [left.map(({ name }) => name).join(', '), left.length === 1 ? 'is' : 'are'];
  return [
    {
      code: 'UNSTALE_ROW_IMAGE',
      severity: 'warning',
      subject: table,
      message:
        `binlog_row_image is ${image}, and ${names} of ${table} ${are} outside of the primary key: rows come without ` +
        'it, so a change removes all keys that such a rule can produce instead of those of the row. ' +
        'Sessions that are connected already keep the old value until they reconnect.',
      fix: setGlobal(server, 'binlog_row_image', 'FULL'),
    },
  ];
}
