/** What GET /console/data answers: docs/operations.md#console. */
export interface ConsoleData {
  /** ms since the epoch, by the daemon's clock. */
  readonly now: number;
  readonly status: Status;
  readonly interval_ms: number;
  readonly samples: readonly Sample[];
}

export interface Sample {
  /** ms since the epoch */
  readonly at: number;
  readonly ready: boolean;
  readonly lag_ms: number | null;
  readonly delay_mean_ms: number | null;
  readonly delay_max_ms: number | null;
  readonly transactions: number;
  readonly rows: number;
  readonly commands: number;
  readonly in_flight_bytes: number;
  readonly redis_ping_ms: number | null;
}

/** Of GET /status, as far as the console shows it. */
export interface Status {
  readonly client_id: string;
  readonly state: string;
  readonly dry_run: boolean;
  readonly ready: boolean;
  readonly live: boolean;
  readonly reasons: readonly string[];
  readonly started_at: string;
  readonly uptime_seconds: number;
  readonly reloading: boolean;
  readonly position: Readonly<Record<'received' | 'applied' | 'stored', Position | null>>;
  readonly retention: { readonly bytes_to_oldest_binlog: number; readonly purge_near: boolean } | null;
  /** Null while it stands by. */
  readonly lag_ms: number | null;
  /** The binlog is held back, because Redis is slower. */
  readonly paused: boolean;
  /** Undefined where the daemon cannot be paused. */
  readonly paused_by_operator?: boolean;
  /** Undefined where daemons do not take turns. */
  readonly leader?: boolean;
  readonly lease?: { readonly holder: string; readonly fencing_token: number | string } | null;
  readonly in_flight_bytes: number;
  readonly totals: { readonly transactions: number; readonly rows: number; readonly commands: number };
  readonly rules: readonly Rule[];
  readonly redis: {
    readonly name: string;
    readonly reachable: boolean;
    readonly nodes: readonly RedisNode[];
  };
  readonly recent_errors: readonly RecentError[];
}

export interface Position {
  readonly file: string;
  readonly offset: number;
  readonly gtid_set: string | null;
}

export interface Rule {
  readonly rule: string;
  readonly table: string;
  readonly does: string;
  readonly deleted: number;
  readonly absent: number;
  readonly stored: number;
  readonly not_stored: number;
  readonly uncertain: number;
  readonly other: number;
  readonly scopes: number;
  readonly held: number;
  readonly poisoned: number;
}

export interface RedisNode {
  readonly name: string;
  readonly ping_ms: number | null;
  readonly info: 'known' | 'unknown';
  readonly version: string | null;
  readonly role: string | null;
  readonly memory_used_bytes: number | null;
  readonly memory_max_bytes: number | null;
  readonly maxmemory_policy: string | null;
  readonly evicts_all_keys: boolean | null;
  readonly evicted_keys: number | null;
  readonly blocked_clients: number | null;
  readonly replicas: number | null;
  readonly replica_lag_bytes: number | null;
}

export interface RecentError {
  readonly level: 'warn' | 'error';
  readonly code: string;
  readonly message: string;
  readonly hint: string;
  readonly first_at: string;
  readonly last_at: string;
  readonly count: number;
}

/** A line of GET /tail. */
export interface TailLine {
  readonly at: string;
  readonly kind?: string;
  readonly key?: string;
  readonly pattern?: string;
  readonly reason?: string;
  readonly rule?: string;
  readonly result?: string;
  readonly lag_ms?: number;
  readonly dropped?: number;
  readonly heartbeat?: boolean;
  readonly end?: string;
}
