import type { TableRef } from '../../change/table.ts';
import { StatementCursor } from '../statement/cursor.ts';
import { Tokens } from '../statement/tokens.ts';

/** What becomes of the child's rows; RESTRICT and NO ACTION are `none`. */
export type ReferentialAction = 'none' | 'cascade' | 'set-null' | 'set-default';

/** A foreign key through which a change of the parent changes rows of the child. */
export interface ForeignKeyCascade {
  readonly constraint: string;
  readonly parent: TableRef;
  readonly child: TableRef;
  /**
   * Column pairs. `exact`: a child's value has the very text of the parent's value that it refers to. Text columns
   * mostly compare without case or without trailing spaces, so there the child's text is not known.
   */
  readonly columns: readonly { readonly parent: string; readonly child: string; readonly exact: boolean }[];
  readonly onDelete: ReferentialAction;
  readonly onUpdate: ReferentialAction;
}

/** What begins an element of a CREATE TABLE that is no column. */
const NO_COLUMN = [
  ['PRIMARY', 'UNIQUE', 'KEY', 'INDEX', 'FULLTEXT', 'SPATIAL', 'VECTOR'],
  ['CONSTRAINT', 'FOREIGN', 'CHECK', 'PERIOD'],
].flat();
/** Both sides of a foreign key have the same size and sign, so equal values have equal texts. */
const EXACT_TYPES = ['TINYINT', 'SMALLINT', 'MEDIUMINT', 'INT', 'BIGINT', 'DATE'];

/** Whether a statement may have given tables other foreign keys, or those that it has other names and columns. */
export function concernsForeignKeys(text: string): boolean {
  const cursor = new StatementCursor(new Tokens(text));
  if (cursor.accept('RENAME')) return true;
  if (!cursor.accept('ALTER', 'CREATE')) return false;
  for (; !cursor.atEnd; cursor.next()) {
    if (cursor.isAt('FOREIGN', 'REFERENCES', 'RENAME', 'CHANGE')) return true;
  }
  return false;
}

interface ForeignKey {
  readonly constraint: string;
  readonly parent: TableRef;
  readonly parentColumns: readonly string[];
  readonly childColumns: readonly string[];
  readonly onDelete: ReferentialAction;
  readonly onUpdate: ReferentialAction;
}

/**
 * The foreign keys of `child` that change its rows, from what SHOW CREATE TABLE gives for it.
 * Empty where the text is something else.
 */
export function cascadesOf(ddl: string, child: TableRef): readonly ForeignKeyCascade[] {
  const cursor = new StatementCursor(new Tokens(ddl));
  cursor.accept('CREATE');
  cursor.accept('TABLE');
  cursor.tableName();
  const exact = new Set<string>();
  const keys: ForeignKey[] = [];
  while (cursor.acceptSymbol('(') || cursor.acceptSymbol(',')) {
    if (cursor.isAt('CONSTRAINT', 'FOREIGN')) {
      const key = readForeignKey(cursor, child.schema);
      if (key !== undefined) keys.push(key);
    } else if (!cursor.isAt(...NO_COLUMN)) {
      const name = cursor.name();
      if (name !== undefined && comparesExactly(cursor.fork())) exact.add(name.toLowerCase());
    }
    skipElement(cursor);
  }
  return toCascades(keys, child, exact);
}

/**
 * The foreign keys that a CREATE TABLE or ALTER TABLE adds. Column types are not known, so none of their columns
 * counts as exact. What MariaDB takes from REFERENCES in the definition of a column is not among them.
 *
 * @param schema the default schema of the session
 */
export function cascadesAddedBy(text: string, schema: string): readonly ForeignKeyCascade[] {
  const cursor = new StatementCursor(new Tokens(text));
  if (!cursor.accept('CREATE', 'ALTER')) return [];
  while (cursor.accept('OR', 'REPLACE', 'ONLINE', 'OFFLINE', 'IGNORE'));
  if (!cursor.accept('TABLE')) return [];
  cursor.skipIfExists();
  const target = cursor.tableName();
  if (target === undefined) return [];
  const child = { schema: target.schema ?? schema, table: target.table };
  const keys: ForeignKey[] = [];
  while (!cursor.atEnd) {
    if (!cursor.isAt('FOREIGN')) cursor.next();
    else {
      const key = readForeignKey(cursor, child.schema);
      if (key !== undefined) keys.push(key);
    }
  }
  return toCascades(keys, child, new Set());
}

/** `exact` holds column names in lower case. */
function toCascades(
  keys: readonly ForeignKey[],
  child: TableRef,
  exact: ReadonlySet<string>,
): readonly ForeignKeyCascade[] {
  return keys
    .filter((key) => key.onDelete !== 'none' || key.onUpdate !== 'none')
    .map(({ parentColumns, childColumns, ...key }) => ({
      ...key,
      child,
      columns: childColumns.map((column, index) => ({
        parent: parentColumns[index] ?? '',
        child: column,
        exact: exact.has(column.toLowerCase()),
      })),
    }));
}

function readForeignKey(cursor: StatementCursor, schema: string): ForeignKey | undefined {
  let constraint = '';
  if (cursor.accept('CONSTRAINT') && !cursor.isAt('FOREIGN')) constraint = cursor.name() ?? '';
  if (!cursor.accept('FOREIGN') || !cursor.accept('KEY')) return undefined;
  if (!cursor.isAtSymbol('(')) cursor.name();
  const childColumns = readNames(cursor);
  const parent = cursor.accept('REFERENCES') ? cursor.tableName() : undefined;
  if (parent === undefined) return undefined;
  const parentColumns = readNames(cursor);
  let onDelete: ReferentialAction = 'none';
  let onUpdate: ReferentialAction = 'none';
  while (cursor.isAt('ON', 'MATCH')) {
    if (cursor.accept('MATCH')) cursor.next();
    else {
      cursor.accept('ON');
      if (cursor.keyword() === 'DELETE') onDelete = readAction(cursor);
      else onUpdate = readAction(cursor);
    }
  }
  return {
    constraint,
    parent: { schema: parent.schema ?? schema, table: parent.table },
    parentColumns,
    childColumns,
    onDelete,
    onUpdate,
  };
}

function readAction(cursor: StatementCursor): ReferentialAction {
  if (cursor.accept('CASCADE')) return 'cascade';
  if (cursor.accept('SET')) return cursor.keyword() === 'NULL' ? 'set-null' : 'set-default';
  if (cursor.accept('NO')) cursor.accept('ACTION');
  else cursor.accept('RESTRICT');
  return 'none';
}

function readNames(cursor: StatementCursor): string[] {
  const names: string[] = [];
  if (!cursor.acceptSymbol('(')) return names;
  do {
    const name = cursor.name();
    if (name !== undefined) names.push(name);
  } while (cursor.acceptSymbol(','));
  cursor.acceptSymbol(')');
  return names;
}

/** From the type of a column on: whether equal values have equal texts. */
function comparesExactly(cursor: StatementCursor): boolean {
  if (cursor.accept(...EXACT_TYPES)) return true;
  // A stored CHAR has no trailing spaces, so a binary collation leaves one text to a value.
  if (!cursor.accept('CHAR')) return false;
  cursor.skipParenthesis();
  while (!cursor.atEnd && !cursor.isAtSymbol(',') && !cursor.isAtSymbol(')')) {
    if (cursor.accept('COLLATE')) return /_bin$/i.test(cursor.name() ?? '');
    cursor.next();
  }
  return false;
}

function skipElement(cursor: StatementCursor): void {
  while (!cursor.atEnd && !cursor.isAtSymbol(',') && !cursor.isAtSymbol(')')) {
    if (!cursor.skipParenthesis()) cursor.next();
  }
}
