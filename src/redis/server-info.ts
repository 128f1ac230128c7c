/** What INFO says of a server, as far as the user may ask and the server tells. */
export interface RedisServerInfo {
  readonly implementation: 'redis' | 'valkey';
  readonly version: string;
  /** Changes with every start of the server. */
  readonly runId: string | undefined;
  readonly role: string | undefined;
  /** The history of writes that the data is at the end of; it changes with a restart and with a promotion. */
  readonly replId: string | undefined;
  /** The history that was gone on with when the server was promoted; undefined if it never was. */
  readonly formerReplId: string | undefined;
  /** E.g. `noeviction`, `allkeys-lru`. */
  readonly maxmemoryPolicy: string | undefined;
}

/** Reads the reply of INFO; undefined when it names no version. */
export function parseServerInfo(text: string): RedisServerInfo | undefined {
  const fields = new Map<string, string>();
  for (const line of text.split(/\r?\n/)) {
    const colon = line.indexOf(':');
    if (colon > 0) fields.set(line.slice(0, colon), line.slice(colon + 1));
  }
  // Valkey reports the Redis version that it is compatible with as well.
  const valkey = fields.get('valkey_version');
  const version = valkey ?? fields.get('redis_version');
  if (version === undefined) return undefined;
  return {
    implementation: valkey === undefined ? 'redis' : 'valkey',
    version,
    runId: fields.get('run_id'),
    role: fields.get('role'),
    replId: fields.get('master_replid'),
    formerReplId: realId(fields.get('master_replid2')),
    maxmemoryPolicy: fields.get('maxmemory_policy'),
  };
}

/** Zeros stand for none. */
function realId(id: string | undefined): string | undefined {
  return id === undefined || /^0*$/.test(id) ? undefined : id;
}
