/** What INFO says of a server, as far as the user may ask and the server tells. */
export interface RedisServerInfo {
  readonly implementation: 'redis' | 'valkey';
  readonly version: string;
  /** Changes with every start of the server. */
  readonly runId: string | undefined;
  readonly role: string | undefined;
  /** Names the history of writes that it goes on with; a replica has its master's. */
  readonly replicationId: string | undefined;
  /** The one before it was promoted. */
  readonly formerReplicationId: string | undefined;
  readonly isCluster: boolean;
  /** It reads its data from disk; its history is not known before it has. */
  readonly isLoading: boolean;
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
  const former = fields.get('master_replid2');
  return {
    implementation: valkey === undefined ? 'redis' : 'valkey',
    version,
    runId: fields.get('run_id'),
    role: fields.get('role'),
    replicationId: fields.get('master_replid'),
    formerReplicationId: former === undefined || /^0*$/.test(former) ? undefined : former,
    isCluster: fields.get('cluster_enabled') === '1',
    isLoading: fields.get('loading') === '1',
    maxmemoryPolicy: fields.get('maxmemory_policy'),
  };
}
