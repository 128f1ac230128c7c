import type { ErrorCode } from '../../errors/catalog.ts';
import type { ServerFacts } from '../server-facts.ts';

/**
 * Something about the server that keeps the daemon from working (`error`), may surprise (`warning`), or is worth knowing (`info`).
 */
export type PreflightProblem = Finding &
  (
    | { readonly severity: 'error' | 'warning'; readonly code: ErrorCode }
    | { readonly severity: 'info'; readonly code?: ErrorCode }
  );

interface Finding {
  /** The variable, privilege, rule, table or `schema.table.column` that it is about. */
  readonly subject: string;
  /** What is wrong and what follows from it, in sentences. */
  readonly message: string;
  /** SQL that mends it, ready to paste; statements are separated by `; `. */
  readonly fix?: string;
}

/** The server, and everything that was found, of all severities mixed. */
export interface PreflightReport {
  readonly server: ServerFacts;
  readonly problems: readonly PreflightProblem[];
}

/** A name in backticks, as MySQL quotes identifiers. */
export function quoteName(name: string): string {
  return `\`${name.replaceAll('`', '``')}\``;
}

/** A table's name for SQL: both parts in backticks. */
export function quoteTable(schema: string, table: string): string {
  return `${quoteName(schema)}.${quoteName(table)}`;
}

/** `CURRENT_USER()`, e.g. `app@10.0.%`, as GRANT wants it. */
export function quoteAccount(account: string): string {
  const at = account.lastIndexOf('@');
  const [user, host] = at < 0 ? [account, '%'] : [account.slice(0, at), account.slice(at + 1)];
  const quoted = (text: string): string => `'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
  return `${quoted(user)}@${quoted(host)}`;
}
