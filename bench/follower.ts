import type { BinlogPlace } from './binlog-end.ts';

export const SIDES = ['unstale', 'naive'] as const;
export type Side = (typeof SIDES)[number];

export interface FollowerTask {
  readonly schema: string;
  /** Key of a row: `table:id`. */
  readonly tables: readonly string[];
  /** The account of the database, which may read the binlog. */
  readonly mysqlUrl: string;
  readonly stateDatabase: string;
  readonly redisUrl: string;
  /** Whether unstale waits until changes can be read; the naive loop never does, so neither is the default. */
  readonly barrier?: boolean;
  /** What the daemon's rules say beside table and key; absent: `guard: none`, because the naive loop has no guard. */
  readonly rule?: Readonly<Record<string, unknown>>;
  /** Where to begin and what to work off; absent: begin at the end of the binlog and follow. */
  readonly catchUp?: {
    readonly from: BinlogPlace;
    readonly to: BinlogPlace;
    readonly rows: number;
  };
}

/** A running child process that removes the keys of changed rows: the daemon or the naive loop. */
export interface Follower {
  readonly pid: number;
  /** Resolves when it follows the binlog. @throws Error with its output when it ends before. */
  ready(): Promise<void>;
  /** Resolves when the first event of the binlog has arrived. */
  begun(): Promise<void>;
  /** Resolves when Redis has answered to the last of the rows of `catchUp`. */
  caughtUp(): Promise<void>;
  stop(): Promise<void>;
}
