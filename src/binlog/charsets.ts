import type { SqlClient, SqlRow } from '../pipeline/ports.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { CollationCharsets } from './decoder/text-decoder.ts';

/**
 * The server's own list of collation ids, which TABLE_MAP events name; needs no privilege. MariaDB lists its newer
 * collations, which exist for several character sets, only in the second table.
 */
export async function readCharsets(client: SqlClient): Promise<CollationCharsets> {
  const charsets = new Map<number, string>();
  const add = (rows: readonly SqlRow[]): void => {
    for (const row of rows) {
      const name = row['charset'];
      const id = Number(row['id']);
      if (typeof name === 'string' && Number.isSafeInteger(id)) charsets.set(id, name);
    }
  };
  add(
    await client.query(
      'SELECT ID AS id, CHARACTER_SET_NAME AS charset FROM information_schema.COLLATIONS WHERE ID IS NOT NULL',
    ),
  );
  try {
    add(
      await client.query(
        'SELECT ID AS id, CHARACTER_SET_NAME AS charset FROM information_schema.COLLATION_CHARACTER_SET_APPLICABILITY',
      ),
    );
  } catch (error) {
    // MySQL and older MariaDB have no ids there, and need none.
    if (!(error instanceof UnstaleError) || error.code !== 'UNSTALE_MYSQL_QUERY_FAILED') throw error;
  }
  return charsets;
}
