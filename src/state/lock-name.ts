import { createHash } from 'node:crypto';

/** Longest name of a lock on MySQL. */
const LONGEST = 64;

/** The name of the lock that the leader of a client holds, on the server of its state `database`. */
export function lockName(database: string, clientId: string): string {
  const name = `unstale:${database}:${clientId}`;
  if (name.length <= LONGEST) return name;
  return `unstale:${createHash('sha256').update(name).digest('hex').slice(0, 48)}`;
}
