import ZongJi from '@vlasky/zongji';
import type { ConnectionOptions } from 'mysql2';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { BinlogEvent } from './binlog-event.ts';
import { EventDecoder } from './decoder/event-decoder.ts';
import { CRC32_BYTES } from './decoder/event-type.ts';
import { HintReader } from './decoder/hint-reader.ts';
import type { KnownTablesOptions } from './decoder/known-tables.ts';
import { takeDump } from './dump-packets.ts';
import type { DumpPackets } from './dump-packets.ts';
import { withDumpSockets } from './wire/dump-socket.ts';

/** Where the dump begins: the server finds the place by GTID set, or is told file and offset (bytes). */
export type DumpStart =
  | { readonly by: 'gtid'; readonly gtidSet: string }
  | { readonly by: 'file'; readonly file: string; readonly offset: number };

export interface ZongjiStreamOptions {
  readonly connection: ConnectionOptions;
  readonly serverId: number;
  readonly start: DumpStart;
  readonly tables: Omit<KnownTablesOptions, 'flavour'>;
  /** Whether events whose checksum is wrong are refused. */
  readonly verifyChecksums: boolean;
  /** Called when a text that may name keys is too long to be searched; undefined: such hints are not looked for. */
  readonly onUnreadHint: (() => void) | undefined;
  /** How often the server reports when it has nothing to send, ms. */
  readonly heartbeatInterval: number;
  readonly onEvent: (event: BinlogEvent) => void;
  /** Bytes arrived, of whatever kind. */
  readonly onActivity: () => void;
  /** The stream is broken; called once. The raw error of the driver, or an UnstaleError. */
  readonly onFailure: (error: Error) => void;
}

/** A dump that is paused longer than this is ended by the server, s (net_write_timeout). */
const NET_WRITE_TIMEOUT_S = 3600;

/**
 * One dump over one zongji connection. Nothing reconnects here: after `onFailure` the stream is dead, and a
 * new one is made by its owner.
 */
export class ZongjiStream {
  readonly #options: ZongjiStreamOptions;
  readonly #zongji: ZongJi;
  #ended = false;
  #packets: DumpPackets | undefined;
  #writable: PromiseWithResolvers<void> | undefined;

  constructor(options: ZongjiStreamOptions) {
    this.#options = options;
    this.#zongji = new ZongJi(withDumpSockets(options.connection));
    this.#zongji.on('error', (error: Error) => this.#fail(error));
    this.#zongji.on('ready', () => this.#prepareDump());
    const { start } = options;
    this.#zongji.start({
      serverId: options.serverId,
      // MariaDB keeps them back otherwise; MySQL sends the statements of rows always.
      requestAnnotateRows: options.onUnreadHint !== undefined,
      ...(start.by === 'gtid'
        ? { gtidSet: start.gtidSet }
        : { filename: start.file, position: start.offset }),
    });
  }

  /** Holds the server back; no event arrives until `resume`. */
  pause(): void {
    if (this.#writable !== undefined) return;
    this.#writable = Promise.withResolvers();
    // Nobody may be waiting for it.
    this.#writable.promise.catch(() => undefined);
    this.#packets?.pause();
  }

  resume(): void {
    this.#writable?.resolve();
    this.#writable = undefined;
    this.#packets?.resume();
  }

  /** Ends the dump and frees both connections, also when the control connection is gone already. */
  async stop(): Promise<void> {
    this.#end();
    const stopped = new Promise<void>((resolve) => {
      this.#zongji.once('stopped', () => resolve());
    });
    this.#zongji.stop();
    await stopped;
    this.#packets?.stream.destroy();
    this.#zongji.removeAllListeners();
    this.#zongji.on('error', () => undefined);
  }

  /** Runs before the dump command is sent, on the dump's own connection. */
  #prepareDump(): void {
    const { connection, ctrlConnection } = this.#zongji;
    if (connection === null) return;
    const ignore = (): void => undefined;
    connection.query(`SET SESSION net_write_timeout = ${NET_WRITE_TIMEOUT_S}`, ignore);
    connection.query(
      `SET @master_heartbeat_period = ${Math.round(this.#options.heartbeatInterval * 1e6)}`,
      ignore,
    );
    // We follow what each file says, so the setting may change while we read.
    connection.query("SET @master_binlog_checksum = 'CRC32', @source_binlog_checksum = 'CRC32'", ignore);
    // The control connection is needed again only to end the dump; it must not be dropped for idling.
    ctrlConnection?.query('SET SESSION wait_timeout = 31536000', ignore);
    const { onUnreadHint } = this.#options;
    try {
      const decoder = new EventDecoder({
        flavour: this.#zongji.isMariaDb ? 'mariadb' : 'mysql',
        ...this.#options.tables,
        checksumBytes: CRC32_BYTES,
        verifyChecksums: this.#options.verifyChecksums,
        hints: onUnreadHint === undefined ? undefined : new HintReader(onUnreadHint),
        emit: this.#options.onEvent,
        whenWritable: () => this.#writable?.promise,
      });
      this.#packets = takeDump(this.#zongji, {
        consumer: decoder,
        onActivity: this.#options.onActivity,
        onFailure: (error) => this.#fail(error),
      });
    } catch (error) {
      this.#fail(asUnstaleError(error));
    }
  }

  #fail(error: Error): void {
    if (this.#ended) return;
    this.#end();
    this.#options.onFailure(error);
  }

  #end(): void {
    this.#ended = true;
    this.#packets?.end();
    this.#writable?.reject(
      new UnstaleError('UNSTALE_BINLOG_CONNECTION_LOST', 'the stream ended within a transaction'),
    );
  }
}
