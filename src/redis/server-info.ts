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
  readonly load: ServerLoad;
}

/** How a server is doing. Undefined is what it does not tell. */
export interface ServerLoad {
  /** Keys that it removed for want of memory, since it was started. */
  readonly evictedKeys: number | undefined;
  /** Clients that wait in a blocking command. */
  readonly blockedClients: number | undefined;
  /** bytes */
  readonly usedMemory: number | undefined;
  /** bytes; 0 for no limit. */
  readonly maxMemory: number | undefined;
  /** Replicas that follow right now. */
  readonly replicas: number;
  /** What the slowest of them has not acknowledged yet, bytes; undefined without replicas. */
  readonly replicaLag: number | undefined;
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
    load: readLoad(fields),
  };
}

function readLoad(fields: ReadonlyMap<string, string>): ServerLoad {
  const offset = numberIn(fields.get('master_repl_offset'));
  const behind: number[] = [];
  for (const [name, value] of fields) {
    // slave0:ip=10.0.0.2,port=6379,state=online,offset=1204,lag=0
    if (!/^slave\d+$/.test(name) || !value.includes('state=online')) continue;
    const reached = numberIn(/\boffset=(\d+)/.exec(value)?.[1]);
    if (offset !== undefined && reached !== undefined) behind.push(Math.max(0, offset - reached));
  }
  return {
    evictedKeys: numberIn(fields.get('evicted_keys')),
    blockedClients: numberIn(fields.get('blocked_clients')),
    usedMemory: numberIn(fields.get('used_memory')),
    maxMemory: numberIn(fields.get('maxmemory')),
    replicas: behind.length,
    replicaLag: behind.length === 0 ? undefined : Math.max(...behind),
  };
}

function numberIn(text: string | undefined): number | undefined {
  return text !== undefined && /^\d+$/.test(text) ? Number(text) : undefined;
}

/** Zeros stand for none. */
function realId(id: string | undefined): string | undefined {
  return id === undefined || /^0*$/.test(id) ? undefined : id;
}
