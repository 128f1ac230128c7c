import type { NamedTable, StatementCursor } from './cursor.ts';

/**
 * The tables whose rows an ALTER TABLE may have changed: the table itself, the name that it gets, and the table
 * that a partition is exchanged with. None if all that it does concerns indexes, constraints and statistics, which
 * changes no value of any row. Undefined if the table's name cannot be read.
 *
 * @param ignore whether it was ALTER IGNORE, which deletes rows for the sake of a unique index
 */
export function readAlterTable(cursor: StatementCursor, ignore: boolean): readonly NamedTable[] | undefined {
  cursor.skipIfExists();
  const table = cursor.tableName();
  if (table === undefined) return undefined;
  if (!ignore && sparesRows(cursor.fork())) return [];
  const tables = [table];
  while (!cursor.atEnd) {
    if (cursor.accept('RENAME')) {
      if (cursor.isAt('INDEX', 'KEY', 'COLUMN')) continue;
      if (!cursor.accept('TO', 'AS')) cursor.acceptSymbol('=');
    } else if (!cursor.accept('TABLE')) {
      cursor.next();
      continue;
    }
    const other = cursor.tableName();
    if (other !== undefined) tables.push(other);
  }
  return tables;
}

/** Options that take a value and concern no row. */
const OPTIONS = [
  ['COMMENT', 'AUTO_INCREMENT', 'ALGORITHM', 'LOCK'],
  ['STATS_PERSISTENT', 'STATS_AUTO_RECALC', 'STATS_SAMPLE_PAGES'],
].flat();
const REFERENCE_OPTIONS = [
  ['ON', 'DELETE', 'UPDATE', 'CASCADE', 'SET', 'NULL', 'DEFAULT', 'NO', 'ACTION', 'RESTRICT'],
  ['MATCH', 'FULL', 'PARTIAL', 'SIMPLE'],
].flat();

/** Whether every specification up to the end is known to change no row; a closed list, everything else may. */
function sparesRows(cursor: StatementCursor): boolean {
  if (cursor.atEnd) return false;
  while (!cursor.atEnd) {
    if (!specSparesRows(cursor)) return false;
    cursor.acceptSymbol(',');
    cursor.acceptSymbol(';');
  }
  return true;
}

function specSparesRows(cursor: StatementCursor): boolean {
  if (cursor.accept('ADD')) return isAddedIndexOrConstraint(cursor);
  if (cursor.accept('DROP')) {
    if (!cursor.accept('INDEX', 'KEY', 'CHECK') && !acceptForeignKey(cursor)) return false;
    cursor.skipIfExists();
    return cursor.name() !== undefined;
  }
  if (cursor.accept('RENAME')) {
    return cursor.accept('INDEX', 'KEY') && isName(cursor) && cursor.accept('TO') && isName(cursor);
  }
  if (cursor.accept('ALTER')) {
    if (!cursor.accept('INDEX', 'KEY') || !isName(cursor)) return false;
    cursor.accept('NOT');
    return cursor.accept('VISIBLE', 'INVISIBLE', 'IGNORED');
  }
  if (cursor.accept('ENABLE', 'DISABLE')) return cursor.accept('KEYS');
  return acceptOption(cursor, OPTIONS);
}

function isAddedIndexOrConstraint(cursor: StatementCursor): boolean {
  if (cursor.accept('CONSTRAINT') && !cursor.isAt('UNIQUE', 'FOREIGN', 'CHECK', 'PRIMARY')) cursor.name();
  if (cursor.accept('CHECK')) {
    if (!cursor.skipParenthesis()) return false;
    cursor.accept('NOT');
    cursor.accept('ENFORCED');
    return true;
  }
  const foreign = acceptForeignKey(cursor);
  if (!foreign) {
    const special = cursor.accept('UNIQUE', 'FULLTEXT', 'SPATIAL');
    if (!cursor.accept('INDEX', 'KEY') && !special) return false;
  }
  cursor.skipIfExists();
  if (!cursor.isAtSymbol('(') && !cursor.isAt('USING')) cursor.name();
  if (cursor.accept('USING')) cursor.next();
  if (!cursor.skipParenthesis()) return false;
  return foreign ? acceptReference(cursor) : acceptIndexOptions(cursor);
}

function acceptReference(cursor: StatementCursor): boolean {
  if (!cursor.accept('REFERENCES') || cursor.tableName() === undefined || !cursor.skipParenthesis())
    return false;
  while (cursor.accept(...REFERENCE_OPTIONS));
  return true;
}

function acceptIndexOptions(cursor: StatementCursor): boolean {
  for (;;) {
    if (cursor.accept('USING')) cursor.next();
    else if (cursor.accept('WITH')) {
      if (!cursor.accept('PARSER')) return false;
      cursor.next();
    } else if (
      !cursor.accept('VISIBLE', 'INVISIBLE', 'NOT', 'IGNORED') &&
      !acceptOption(cursor, ['COMMENT', 'KEY_BLOCK_SIZE'])
    ) {
      return true;
    }
  }
}

function acceptOption(cursor: StatementCursor, options: readonly string[]): boolean {
  if (!cursor.accept(...options)) return false;
  cursor.acceptSymbol('=');
  return cursor.next() !== undefined;
}

function acceptForeignKey(cursor: StatementCursor): boolean {
  return cursor.accept('FOREIGN') && cursor.accept('KEY');
}

function isName(cursor: StatementCursor): boolean {
  return cursor.name() !== undefined;
}
