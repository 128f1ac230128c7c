import type { BinlogPlace } from '../binlog-end.ts';

/** What a reader process gets as its only argument, as JSON. */
export interface ReaderTask {
  readonly host: string;
  readonly port: number;
  /** An account without a password that may do everything. */
  readonly user: string;
  readonly schema: string;
  readonly table: string;
  readonly from: BinlogPlace;
  /** Of the same file. */
  readonly to: BinlogPlace;
  /** Row changes of `table` between the two. */
  readonly rows: number;
}

/** What it answers; times run from the first event to the one that ends at `to`. */
export interface ReaderReport {
  readonly seconds: number;
  /** All threads, user and system. */
  readonly cpuSeconds: number;
  /** The most memory the process ever had resident, start-up included. */
  readonly peakRssMb: number;
  /** Row changes of the table that it saw; undefined when it does not look at rows. */
  readonly rows?: number;
}
