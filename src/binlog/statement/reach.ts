import type { ScopeReason } from '../../change/source-event.ts';
import { readAlterTable } from './alter-table.ts';
import type { NamedTable, StatementCursor } from './cursor.ts';

/**
 * What a statement may have changed without a row event. `tables`: these and no others. `schema`: all tables of
 * it. `wide`: it acts through triggers and procedures or was not understood, so it reaches every table that it
 * names, and all tables of the default schema and of every schema that it names.
 */
export type Reach =
  | { readonly kind: 'none' }
  | { readonly kind: 'tables'; readonly tables: readonly NamedTable[]; readonly reason: ScopeReason }
  | { readonly kind: 'schema'; readonly schema: string; readonly reason: ScopeReason }
  | { readonly kind: 'wide'; readonly reason: ScopeReason };

const NONE: Reach = { kind: 'none' };
const UNCLEAR: Reach = { kind: 'wide', reason: 'ddl' };
const WRITE: Reach = { kind: 'wide', reason: 'statement' };

/** What CREATE, ALTER, DROP and RENAME can be about without changing a row of a table. */
const ROWLESS: readonly string[] = [
  ['VIEW', 'PROCEDURE', 'FUNCTION', 'TRIGGER', 'EVENT', 'PACKAGE', 'LIBRARY', 'INDEX'],
  ['USER', 'ROLE', 'SERVER', 'TABLESPACE', 'LOGFILE', 'UNDO', 'RESOURCE', 'REFERENCE', 'INSTANCE'],
].flat();

/** What a statement reaches, from its text as it stands in a query event. */
export function reachOf(cursor: StatementCursor): Reach {
  const verb = cursor.keyword();
  switch (verb) {
    case 'TRUNCATE':
      cursor.accept('TABLE');
      return readTableList(cursor, 'truncate');
    case 'DROP':
      return readDrop(cursor);
    case 'RENAME':
      return readRename(cursor);
    case 'ALTER':
      return readAlter(cursor);
    case 'CREATE':
      return readCreate(cursor);
    case 'REPAIR':
      cursor.accept('NO_WRITE_TO_BINLOG', 'LOCAL');
      return cursor.accept('TABLE', 'TABLES') ? readTableList(cursor, 'ddl') : UNCLEAR;
    // MariaDB's ANALYZE without TABLE runs the statement behind it.
    case 'ANALYZE':
      cursor.accept('NO_WRITE_TO_BINLOG', 'LOCAL');
      return cursor.accept('TABLE', 'TABLES') ? NONE : WRITE;
    case 'SET':
      return readSet(cursor);
    case 'OPTIMIZE':
    case 'CHECK':
    case 'FLUSH':
    case 'GRANT':
    case 'REVOKE':
    case 'INSTALL':
    case 'UNINSTALL':
      return NONE;
    case 'INSERT':
    case 'REPLACE':
    case 'UPDATE':
    case 'DELETE':
    case 'LOAD':
    case 'CALL':
    case 'WITH':
    case 'DO':
    case 'SELECT':
      return WRITE;
    default:
      return UNCLEAR;
  }
}

/** Names up to the end of the statement; anything else in between makes it unclear. */
function readTableList(cursor: StatementCursor, reason: ScopeReason): Reach {
  const tables: NamedTable[] = [];
  do {
    const table = cursor.tableName();
    if (table === undefined) return UNCLEAR;
    tables.push(table);
  } while (cursor.acceptSymbol(','));
  cursor.accept('RESTRICT', 'CASCADE');
  skipWait(cursor);
  if (reason === 'ddl') while (cursor.accept('QUICK', 'EXTENDED', 'USE_FRM', 'FORCE'));
  cursor.acceptSymbol(';');
  return cursor.atEnd ? { kind: 'tables', tables, reason } : { kind: 'wide', reason };
}

function readDrop(cursor: StatementCursor): Reach {
  if (cursor.accept('TEMPORARY')) return NONE;
  if (cursor.accept('TABLE', 'TABLES', 'SEQUENCE')) {
    cursor.skipIfExists();
    return readTableList(cursor, 'ddl');
  }
  if (cursor.accept('DATABASE', 'SCHEMA')) {
    cursor.skipIfExists();
    const schema = cursor.name();
    return schema === undefined ? UNCLEAR : { kind: 'schema', schema, reason: 'ddl' };
  }
  cursor.accept('SPATIAL');
  return cursor.accept(...ROWLESS) ? NONE : UNCLEAR;
}

function readRename(cursor: StatementCursor): Reach {
  if (!cursor.accept('TABLE', 'TABLES')) return cursor.accept('USER') ? NONE : UNCLEAR;
  const tables: NamedTable[] = [];
  do {
    cursor.skipIfExists();
    const from = cursor.tableName();
    skipWait(cursor);
    const to = cursor.accept('TO') ? cursor.tableName() : undefined;
    if (from === undefined || to === undefined) return UNCLEAR;
    tables.push(from, to);
  } while (cursor.acceptSymbol(','));
  cursor.acceptSymbol(';');
  return cursor.atEnd ? { kind: 'tables', tables, reason: 'ddl' } : UNCLEAR;
}

function readAlter(cursor: StatementCursor): Reach {
  let ignore = false;
  while (cursor.isAt('ONLINE', 'OFFLINE', 'IGNORE')) ignore = cursor.keyword() === 'IGNORE' || ignore;
  if (cursor.accept('TABLE')) {
    const altered = readAlterTable(cursor, ignore);
    if (altered === undefined) return UNCLEAR;
    return altered.length === 0 ? NONE : { kind: 'tables', tables: altered, reason: 'ddl' };
  }
  if (cursor.accept('SEQUENCE')) {
    cursor.skipIfExists();
    const table = cursor.tableName();
    return table === undefined ? UNCLEAR : { kind: 'tables', tables: [table], reason: 'ddl' };
  }
  if (cursor.accept('DATABASE', 'SCHEMA')) {
    // MariaDB's UPGRADE DATA DIRECTORY NAME gives the schema another name.
    for (; !cursor.atEnd; cursor.next()) if (cursor.isAt('UPGRADE')) return UNCLEAR;
    return NONE;
  }
  skipDefinition(cursor);
  return cursor.accept(...ROWLESS) ? NONE : UNCLEAR;
}

function readCreate(cursor: StatementCursor): Reach {
  let replaces = false;
  if (cursor.accept('OR')) replaces = cursor.accept('REPLACE');
  const temporary = cursor.accept('TEMPORARY');
  if (cursor.accept('TABLE')) return readCreateTable(cursor, replaces && !temporary);
  if (cursor.accept('DATABASE', 'SCHEMA')) {
    cursor.skipIfExists();
    const schema = cursor.name();
    if (!replaces) return NONE;
    return schema === undefined ? UNCLEAR : { kind: 'schema', schema, reason: 'ddl' };
  }
  if (cursor.accept('SEQUENCE')) {
    cursor.skipIfExists();
    const table = cursor.tableName();
    return !replaces || temporary || table === undefined
      ? NONE
      : { kind: 'tables', tables: [table], reason: 'ddl' };
  }
  skipDefinition(cursor);
  return cursor.accept(...ROWLESS) ? NONE : UNCLEAR;
}

/**
 * A table that did not exist has no cached rows. One that is filled by a query counts as a write, because the
 * query may call functions, unless its rows follow as events, which START TRANSACTION announces.
 */
function readCreateTable(cursor: StatementCursor, replaces: boolean): Reach {
  cursor.skipIfExists();
  const table = cursor.tableName();
  if (table === undefined) return UNCLEAR;
  let queries = false;
  let rowsFollow = false;
  for (let word = ''; !cursor.atEnd;) {
    const previous = word;
    word = cursor.keyword() ?? '';
    if (word === '') cursor.next();
    rowsFollow = word === 'TRANSACTION' && previous === 'START' && cursor.atEnd;
    // In the definition of a partition VALUES is no query.
    queries ||= word === 'SELECT' || word === 'TABLE' || (word === 'VALUES' && !cursor.isAt('LESS', 'IN'));
  }
  if (queries && !rowsFollow) return WRITE;
  return replaces ? { kind: 'tables', tables: [table], reason: 'ddl' } : NONE;
}

/** MariaDB's SET STATEMENT sets variables for the statement behind FOR. */
function readSet(cursor: StatementCursor): Reach {
  if (!cursor.accept('STATEMENT')) return cursor.isAt('PASSWORD', 'DEFAULT', 'ROLE') ? NONE : WRITE;
  while (!cursor.atEnd) {
    if (cursor.accept('FOR')) return reachOf(cursor);
    cursor.next();
  }
  return UNCLEAR;
}

/** What stands between CREATE or ALTER and the kind of the object. */
function skipDefinition(cursor: StatementCursor): void {
  for (;;) {
    if (cursor.accept('DEFINER')) {
      cursor.acceptSymbol('=');
      cursor.next();
      cursor.skipParenthesis();
      if (cursor.acceptSymbol('@')) cursor.next();
    } else if (cursor.accept('ALGORITHM')) {
      cursor.acceptSymbol('=');
      cursor.next();
    } else if (cursor.accept('SQL')) {
      cursor.accept('SECURITY');
      cursor.next();
    } else if (!cursor.accept('AGGREGATE', 'ONLINE', 'OFFLINE', 'UNIQUE', 'FULLTEXT', 'SPATIAL', 'VECTOR')) {
      return;
    }
  }
}

/** MariaDB: how long to wait for the lock. */
function skipWait(cursor: StatementCursor): void {
  if (cursor.accept('NOWAIT')) return;
  if (cursor.accept('WAIT')) cursor.next();
}
