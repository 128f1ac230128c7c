import type { TableRef } from '../change/table.ts';
import type { ScopeReason } from '../change/source-event.ts';

/**
 * What a query event means for the stream. `begin` and `commit` bound a transaction, `nested` happens inside
 * one without an effect of its own, `xa-commit` and `xa-rollback` finish what XA PREPARE began, and everything else may change
 * data or tables without row events.
 */
export type StatementKind =
  'begin' | 'commit' | 'nested' | 'xa-commit' | 'xa-rollback' | 'other' | 'other-then-rows';

/** Leading comments and white space. MySQL's executable comments (with an exclamation mark) are statements. */
const LEADING = /^(?:\s+|\/\*(?!!)[\s\S]*?\*\/|--[^\n]*\n|#[^\n]*\n)+/;

/** Classifies the text of a query event by its first words. */
export function classifyStatement(text: string): StatementKind {
  const statement = text.replace(LEADING, '').slice(0, 64).toUpperCase();
  if (/^(BEGIN|START\s+TRANSACTION)\b/.test(statement)) return 'begin';
  if (/^XA\s+(START|BEGIN)\b/.test(statement)) return 'begin';
  if (/^XA\s+END\b/.test(statement)) return 'nested';
  if (/^XA\s+COMMIT\b/.test(statement)) return 'xa-commit';
  if (/^XA\s+ROLLBACK\b/.test(statement)) return 'xa-rollback';
  if (/^(SAVEPOINT|RELEASE\s+SAVEPOINT|ROLLBACK\s+TO)\b/.test(statement)) return 'nested';
  if (/^(COMMIT|ROLLBACK)\b/.test(statement)) return 'commit';
  // CREATE TABLE .. SELECT is logged as one atomic group: the statement, then its rows.
  return /\bSTART\s+TRANSACTION\s*;?\s*$/i.test(text.slice(-40)) ? 'other-then-rows' : 'other';
}

/**
 * The xid of an XA statement as the server logs it, `X'gtrid',X'bqual',format`, in the form of the events: two
 * hexadecimal numbers and a decimal one, separated by commas. Undefined when there is none.
 */
export function xidOfStatement(text: string): string | undefined {
  const xid = /^\s*XA\s+\w+\s+X'([0-9a-f]*)'\s*,\s*X'([0-9a-f]*)'\s*,\s*(-?\d+)/i.exec(text);
  return xid === null ? undefined : `${xid[1]},${xid[2]},${xid[3]}`.toLowerCase();
}

/** Statements that change no row of an existing table, whatever table they name. */
const HARMLESS =
  /^(?:CREATE|ALTER|DROP|RENAME)\s+(?:OR\s+REPLACE\s+)?(?:USER|ROLE|SERVER|TABLESPACE|UNDO|LOGFILE|RESOURCE|SPATIAL\s+REFERENCE)\b|^(?:GRANT|REVOKE|SET|FLUSH|ANALYZE|CHECK|OPTIMIZE|INSTALL|UNINSTALL)\b|^CREATE\s+(?:(?:OR\s+REPLACE|DEFINER\s*=\s*\S+|AGGREGATE|SQL\s+SECURITY\s+\w+|ALGORITHM\s*=\s*\w+)\s+)*(?:DATABASE|SCHEMA|VIEW|PROCEDURE|FUNCTION|TRIGGER|EVENT|(?:UNIQUE\s+|FULLTEXT\s+|SPATIAL\s+)?INDEX)\b|^(?:DROP|ALTER)\s+(?:VIEW|PROCEDURE|FUNCTION|TRIGGER|EVENT|INDEX)\b|^DROP\s+(?:\/\*!\d*\s*)?TEMPORARY\b|^CREATE\s+TEMPORARY\b/i;

const DML = /^(?:\/\*!\d*\s*)?(?:INSERT|UPDATE|DELETE|REPLACE|LOAD|CALL|WITH)\b/i;
const TRUNCATE = /\bTRUNCATE\b/i;

export interface StatementEffect {
  readonly tables: readonly TableRef[];
  readonly reason: ScopeReason;
}

/**
 * Which mapped tables a statement without row events may have changed. It errs on the side of more: a name
 * counts wherever it stands, quoted or not, in a comment or a string; DML and DROP DATABASE that name no
 * mapped table count for every mapped table of the default schema and of the schemas they name.
 *
 * @param schema the default schema of the session, may be empty
 */
export function statementEffect(
  text: string,
  schema: string,
  mapped: readonly TableRef[],
): StatementEffect | undefined {
  const statement = text.replace(LEADING, '');
  if (HARMLESS.test(statement)) return undefined;
  const words = new Set(text.toLowerCase().match(/[\p{L}\p{N}_$-]+/gu));
  const lower = text.toLowerCase();
  // Odd names (spaces, dots) fall back to a plain search.
  const mentions = (name: string): boolean => {
    const folded = name.toLowerCase();
    return /^[\p{L}\p{N}_$-]+$/u.test(folded)
      ? words.has(folded) || lower.includes(`\`${folded}\``)
      : lower.includes(folded);
  };
  const dml = DML.test(statement);
  const reason: ScopeReason = dml ? 'statement' : TRUNCATE.test(statement) ? 'truncate' : 'ddl';
  const named = mapped.filter((table) => mentions(table.table));
  if (named.length > 0) return { tables: named, reason };
  if (dml || /^(?:\/\*!\d*\s*)?DROP\s+(?:DATABASE|SCHEMA)\b/i.test(statement)) {
    const tables = mapped.filter(
      (table) =>
        mentions(table.schema) ||
        (dml && (schema === '' || table.schema.toLowerCase() === schema.toLowerCase())),
    );
    if (tables.length > 0) return { tables, reason };
  }
  return undefined;
}
