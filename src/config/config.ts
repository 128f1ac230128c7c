import type { MappingPlan } from '../mapping/plan.ts';
import type { Rule, RuleGuard } from '../mapping/rule.ts';
import type { ListenAddress } from './listen-address.ts';

export type SslMode = 'disabled' | 'preferred' | 'required' | 'verify_ca' | 'verify_identity';

/** How to reach a MySQL server. `sslCa`, `sslCert` and `sslKey` are the contents of PEM files. */
export interface MysqlConnectionConfig {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password?: string;
  /** Wins over host and port. */
  readonly socketPath?: string;
  readonly sslMode: SslMode;
  readonly sslCa?: string;
  readonly sslCert?: string;
  readonly sslKey?: string;
  readonly connectTimeout: number;
}

/** Where to begin when no position is stored. */
export type InitPosition =
  | { readonly from: 'latest' }
  | { readonly from: 'earliest' }
  | { readonly from: 'file'; readonly file: string; readonly offset: number }
  | { readonly from: 'gtid'; readonly gtidSet: string };

export interface SourceConfig {
  readonly connection: MysqlConnectionConfig;
  readonly serverId: number;
  readonly initPosition: InitPosition;
  readonly resumeBy: 'auto' | 'gtid' | 'file';
  /** Whether events whose checksum is wrong are refused. */
  readonly verifyChecksums: boolean;
  readonly onGap: 'halt' | 'invalidate';
  readonly gapWait: number;
  readonly heartbeatInterval: number;
  /** Silence of the binlog stream, heartbeats included, after which it counts as lost. */
  readonly silenceTimeout: number;
  readonly startTimeout: number;
  readonly maxBufferedBytes: number;
  /** `minimal`: column names may come from the catalogue, where the binlog does not hold them. */
  readonly rowMetadata: 'full' | 'minimal';
  /** Where changes have to be visible before their keys are deleted: the source, nowhere, or these servers. */
  readonly barrier: 'source' | 'none' | readonly MysqlConnectionConfig[];
  readonly barrierTimeout: number;
  /** Whether comments in the statements of the binlog may name keys. */
  readonly hints: boolean;
}

export interface StateConfig {
  readonly connection: MysqlConnectionConfig;
  /** The state lives on the source server, because the configuration names no other. */
  readonly sameServer: boolean;
  readonly database: string;
  readonly flushInterval: number;
  /** Silence after which the server gives the leader's lock to another daemon; whole seconds. */
  readonly leaseTimeout: number;
}

export interface RedisTlsConfig {
  /** The contents of PEM files; `cert` and `key` go together. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

/** A server by its name or address. */
export interface NodeAddress {
  readonly host: string;
  readonly port: number;
}

/** Who knows which Redis is the master. */
export interface RedisSentinelConfig {
  /** What the sentinels call the master. */
  readonly name: string;
  readonly nodes: readonly NodeAddress[];
  /** Of the sentinels; those of the master are beside this. */
  readonly username?: string;
  readonly password?: string;
}

export interface RedisConfig {
  /** With sentinels or a cluster the first node of the list. */
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls?: RedisTlsConfig;
  /** Wins over host and port. */
  readonly socketPath?: string;
  readonly sentinel?: RedisSentinelConfig;
  /** Some nodes of a cluster, which know the others. */
  readonly cluster?: readonly NodeAddress[];
  /** Replicas that have to hold a batch before it counts as done; 0: it is not asked. */
  readonly waitReplicas: number;
  /** How far back the binlog is read again after a failover. */
  readonly failoverReplay: number;
  /** How often readers are told how far the daemon is; undefined for never. */
  readonly appliedInterval?: number;
  readonly connectTimeout: number;
  readonly commandTimeout: number;
  readonly socketTimeout: number;
  /** Keys that a scope looks at in a second; Infinity for no limit. */
  readonly scopeScanRate: number;
}

export interface BatchConfig {
  readonly maxCommands: number;
  readonly maxBytes: number;
  readonly maxDelay: number;
  readonly inFlight: number;
}

/** Where and how the queries of rules are run. */
export interface LookupsConfig {
  readonly connection: MysqlConnectionConfig;
  /** Longest wait for a result. */
  readonly timeout: number;
  /** How long a result may be used again; 0: not at all. */
  readonly cache: number;
  /** Rows of a result, beyond which a rule's scope is removed instead. */
  readonly maxKeys: number;
}

/** Where the names of removed keys are published. */
export interface PublishConfig {
  readonly channel?: string;
  readonly stream?: string;
  /** Entries that the stream keeps, about. */
  readonly maxLen: number;
}

export interface AdminConfig extends ListenAddress {
  /** What a caller of an action has to know. */
  readonly token?: string;
}

export interface ReloadConfig {
  /** Whether a changed file is loaded by itself. */
  readonly watch: boolean;
  /** Whether all keys of rules that changed or went away are removed. */
  readonly invalidate: boolean;
}

export type LogLevel = 'debug' | 'info' | 'warn' | 'error';

export interface LogConfig {
  readonly level: LogLevel;
  readonly format: 'json' | 'pretty';
}

/**
 * A complete, valid configuration. Durations are in ms, sizes in bytes. Holds secrets: never log it whole. Plain data,
 * so that another process than the one that uses it can have read it.
 */
export interface Settings {
  readonly file: string;
  readonly clientId: string;
  readonly source: SourceConfig;
  readonly state: StateConfig;
  readonly redis: RedisConfig;
  readonly batch: BatchConfig;
  readonly rules: readonly Rule[];
  /** What rules do that do not say, and what deletes do that belong to no rule. */
  readonly guards: { readonly guard: RuleGuard['kind']; readonly replicaHold: number };
  /** How long companions keep versions and holds behind a removal. */
  readonly tombstone: number;
  /** The configuration file and the files that it includes, as absolute paths, each once. */
  readonly files: readonly string[];
  /** The directories in which a new or removed file can change what `include` names, as absolute paths. */
  readonly directories: readonly string[];
  readonly lookups: LookupsConfig;
  /** Of all rules together; undefined for no limit. */
  readonly maxDeletesPerSecond?: number;
  readonly publish?: PublishConfig;
  readonly reload: ReloadConfig;
  /** Undefined when switched off. */
  readonly admin: AdminConfig | undefined;
  readonly health: { readonly maxLag: number };
  readonly shutdownTimeout: number;
  /** Everything is done but what writes; not a field of the file, but a flag of the command. */
  readonly dryRun?: boolean;
  readonly log: LogConfig;
}

/** Settings with their rules compiled. */
export interface Config extends Settings {
  readonly plan: MappingPlan;
}
