import type { MappingPlan } from '../mapping/plan.ts';
import type { Rule } from '../mapping/rule.ts';
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
}

export interface StateConfig {
  readonly connection: MysqlConnectionConfig;
  /** The state lives on the source server, because the configuration names no other. */
  readonly sameServer: boolean;
  readonly database: string;
  readonly flushInterval: number;
}

export interface RedisTlsConfig {
  /** The contents of a PEM file. */
  readonly ca?: string;
  readonly servername?: string;
  readonly rejectUnauthorized: boolean;
}

export interface RedisConfig {
  readonly host: string;
  readonly port: number;
  readonly username?: string;
  readonly password?: string;
  readonly db: number;
  readonly tls?: RedisTlsConfig;
  /** Wins over host and port. */
  readonly socketPath?: string;
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
  /** Undefined when switched off. */
  readonly admin: ListenAddress | undefined;
  readonly health: { readonly maxLag: number };
  readonly shutdownTimeout: number;
  readonly log: LogConfig;
}

/** Settings with their rules compiled. */
export interface Config extends Settings {
  readonly plan: MappingPlan;
}
