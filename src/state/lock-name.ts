import { createHash } from 'node:crypto';

/** The longest name that every server takes. */
const LONGEST = 64;
const PREFIX = 'unstale:';

/**
 * The name of the lock (`GET_LOCK`) that the leader of a client holds on the server of the state database. Nothing but
 * these two go into it, so that whoever writes positions by hand asks for the same one.
 *
 * Names that are too long are hashed, and so are those with capitals: to the server `Shop` and `shop` are one lock.
 */
export function lockName(database: string, clientId: string): string {
  const name = `${PREFIX}${database}:${clientId}`;
  if (name.length <= LONGEST && name === name.toLowerCase()) return name;
  return `${PREFIX}${createHash('sha256').update(name).digest('hex').slice(0, 48)}`;
}
