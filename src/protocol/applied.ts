/** How far a daemon is, as it says in Redis: all changes up to here have had their effect on this Redis. */
export interface AppliedPosition {
  readonly serverUuid: string;
  readonly file: string;
  /** Bytes, unwrapped. */
  readonly offset: number;
  /** In the server's own notation; '' where it has no GTIDs. */
  readonly gtidSet: string;
  /** When it was written, ms since the epoch by the daemon's clock. */
  readonly at: number;
}

/** The key that holds it, of the daemon `clientId`. Its hash tag keeps it off the slots of applications' keys. */
export function appliedKey(clientId: string): string {
  return `unstale:applied:{${clientId}}`;
}

/** The text that stands in Redis. */
export function formatApplied(applied: AppliedPosition): string {
  return JSON.stringify(applied);
}

/** Reads it; undefined for what is no such text. */
export function parseApplied(text: string): AppliedPosition | undefined {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    return undefined;
  }
  if (typeof parsed !== 'object' || parsed === null) return undefined;
  const { serverUuid, file, offset, gtidSet, at } = parsed as Readonly<Record<string, unknown>>;
  if (typeof serverUuid !== 'string' || typeof file !== 'string' || typeof gtidSet !== 'string')
    return undefined;
  if (typeof offset !== 'number' || typeof at !== 'number') return undefined;
  return { serverUuid, file, offset, gtidSet, at };
}
