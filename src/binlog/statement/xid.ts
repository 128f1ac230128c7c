import { StatementCursor } from './cursor.ts';
import { Tokens } from './tokens.ts';

/**
 * The transaction that an XA statement is about, as `gtrid-hex,bqual-hex,format`, in lower case: the same text
 * for the same transaction, however the statement spells it (`X'..'`, `0x..` or a plain string; what is left out
 * has its default). Undefined for any other statement, and for an id that cannot be read.
 */
export function xidOf(text: string): string | undefined {
  const cursor = new StatementCursor(new Tokens(text));
  if (!cursor.accept('XA')) return undefined;
  if (!cursor.accept('START', 'BEGIN', 'END', 'PREPARE', 'COMMIT', 'ROLLBACK')) return undefined;
  const gtrid = readBytes(cursor);
  if (gtrid === undefined) return undefined;
  const bqual = cursor.acceptSymbol(',') ? readBytes(cursor) : '';
  if (bqual === undefined) return undefined;
  const format = cursor.acceptSymbol(',') ? cursor.keyword() : '1';
  return format !== undefined && /^\d+$/.test(format) ? `${gtrid},${bqual},${format}` : undefined;
}

/** A literal as the hexadecimal digits of its bytes. */
function readBytes(cursor: StatementCursor): string | undefined {
  const introducer = cursor.keyword();
  if (introducer !== undefined && introducer !== 'X')
    return /^0X((?:[\dA-F]{2})+)$/.exec(introducer)?.[1]?.toLowerCase();
  const token = cursor.next();
  if (token?.kind !== 'string' && token?.kind !== 'double') return undefined;
  if (introducer === 'X') return /^(?:[\da-f]{2})*$/i.test(token.text) ? token.text.toLowerCase() : undefined;
  // The servers write hexadecimal digits; escapes are not worth reading.
  return /[\\'"]/.test(token.text) ? undefined : Buffer.from(token.text).toString('hex');
}
