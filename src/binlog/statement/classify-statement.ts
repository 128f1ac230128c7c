import { StatementCursor } from './cursor.ts';
import { Tokens } from './tokens.ts';

/**
 * What a query event means for the stream. `begin` and `commit` bound a transaction, `nested` happens inside
 * one without an effect of its own, `xa-commit` and `xa-rollback` finish what XA PREPARE began, and everything else may change
 * data or tables without row events.
 */
export type StatementKind =
  'begin' | 'commit' | 'nested' | 'xa-commit' | 'xa-rollback' | 'other' | 'other-then-rows';

/** Classifies the text of a query event by its first words. */
export function classifyStatement(text: string): StatementKind {
  // Every transaction has them, and the server writes them so.
  if (text === 'BEGIN') return 'begin';
  if (text === 'COMMIT') return 'commit';
  const cursor = new StatementCursor(new Tokens(text));
  switch (cursor.keyword()) {
    case 'BEGIN':
      return 'begin';
    case 'START':
      return cursor.accept('TRANSACTION') ? 'begin' : 'other';
    case 'COMMIT':
      return 'commit';
    case 'ROLLBACK':
      cursor.accept('WORK');
      return cursor.accept('TO') ? 'nested' : 'commit';
    case 'SAVEPOINT':
      return 'nested';
    case 'RELEASE':
      return cursor.accept('SAVEPOINT') ? 'nested' : 'other';
    case 'XA':
      return classifyXa(cursor);
    case 'CREATE':
      return announcesRows(cursor, text) ? 'other-then-rows' : 'other';
    default:
      return 'other';
  }
}

function classifyXa(cursor: StatementCursor): StatementKind {
  if (cursor.accept('START', 'BEGIN')) return 'begin';
  if (cursor.accept('END')) return 'nested';
  if (cursor.accept('COMMIT')) return 'xa-commit';
  return cursor.accept('ROLLBACK') ? 'xa-rollback' : 'other';
}

/** MySQL logs CREATE TABLE .. SELECT as one atomic group: the statement, then its rows. */
function announcesRows(cursor: StatementCursor, text: string): boolean {
  if (!/\btransaction\b/i.test(text.slice(-40))) return false;
  let announced = false;
  while (!cursor.atEnd) {
    if (cursor.accept('START')) announced = cursor.accept('TRANSACTION');
    else {
      announced &&= cursor.isAtSymbol(';');
      cursor.next();
    }
  }
  return announced;
}
