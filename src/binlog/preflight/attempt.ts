import { UnstaleError } from '../../errors/unstale-error.ts';
import type { SqlClient, SqlRow } from '../../pipeline/ports.ts';

/** What came of a harmless statement: its rows, a denial, or another refusal, such as an unknown statement or name. */
export type Attempt =
  | { readonly outcome: 'rows'; readonly rows: readonly SqlRow[] }
  | { readonly outcome: 'denied' }
  | { readonly outcome: 'refused' };

/**
 * Tries a statement, to learn a privilege or a name from the answer rather than from a description of it.
 * Of several spellings, which differ between versions, the first that the server knows counts.
 * @throws UnstaleError when the server cannot be asked.
 */
export async function attempt(client: SqlClient, ...spellings: readonly string[]): Promise<Attempt> {
  for (const sql of spellings) {
    try {
      return { outcome: 'rows', rows: await client.query(sql) };
    } catch (error) {
      if (!(error instanceof UnstaleError)) throw error;
      switch (error.code) {
        case 'UNSTALE_PRIVILEGE_MISSING':
        case 'UNSTALE_MYSQL_ACCESS_DENIED':
          return { outcome: 'denied' };
        case 'UNSTALE_MYSQL_QUERY_FAILED':
          continue;
        default:
          throw error;
      }
    }
  }
  return { outcome: 'refused' };
}
