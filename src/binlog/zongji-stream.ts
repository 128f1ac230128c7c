import ZongJi from '@vlasky/zongji';
import type { AnyBinlogEvent, BinlogEventByTypeName, BinlogEventTypeName } from '@vlasky/zongji';
import type { ConnectionOptions } from 'mysql2';
import type { TableInterest } from '../change/table.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { BinlogEvent } from './binlog-event.ts';
import { EventDecoder } from './decoder/event-decoder.ts';
import type { CollationCharsets } from './decoder/text-decoder.ts';
import { classifyEvent, eventType } from './raw-event.ts';
import type { RawEvent } from './raw-event.ts';
import { tapPackets } from './zongji-tap.ts';

/** Where the dump begins: the server finds the place by GTID set, or is told file and offset (bytes). */
export type DumpStart =
  | { readonly by: 'gtid'; readonly gtidSet: string }
  | { readonly by: 'file'; readonly file: string; readonly offset: number };

export interface ZongjiStreamOptions {
  readonly connection: ConnectionOptions;
  readonly serverId: number;
  readonly start: DumpStart;
  readonly interests: readonly TableInterest[];
  /** Schema of unstale's state tables when they are on this server. */
  readonly stateSchema: string | undefined;
  readonly charsets: CollationCharsets;
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
const CRC32_BYTES = 4;

/**
 * One dump over one zongji connection. Nothing reconnects here: after `onFailure` the stream is dead, and a
 * new one is made by its owner.
 */
export class ZongjiStream {
  readonly #options: ZongjiStreamOptions;
  readonly #zongji: ZongJi;
  #ended = false;
  #stream: { destroy(): void } | undefined;

  constructor(options: ZongjiStreamOptions) {
    this.#options = options;
    this.#zongji = new ZongJi(options.connection);
    this.#zongji.on('error', (error: Error) => this.#fail(error));
    this.#zongji.on('ready', () => this.#prepareDump());
    this.#zongji.on('binlog', (event: AnyBinlogEvent) => {
      if (this.#ended) return;
      try {
        this.#translate(event);
      } catch (error) {
        this.#fail(asUnstaleError(error));
      }
    });
    const { start } = options;
    this.#zongji.start({
      serverId: options.serverId,
      ...(start.by === 'gtid'
        ? { gtidSet: start.gtidSet }
        : { filename: start.file, position: start.offset }),
    });
  }

  pause(): void {
    this.#zongji.connection?.pause();
  }

  resume(): void {
    this.#zongji.connection?.resume();
  }

  /** Ends the dump and frees both connections, also when the control connection is gone already. */
  async stop(): Promise<void> {
    this.#ended = true;
    const stopped = new Promise<void>((resolve) => {
      this.#zongji.once('stopped', () => resolve());
    });
    this.#zongji.stop();
    await stopped;
    this.#stream?.destroy();
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
    // The control connection is needed again only to end the dump; it must not be dropped for idling.
    ctrlConnection?.query('SET SESSION wait_timeout = 31536000', ignore);
    try {
      const decoder = new EventDecoder({
        flavour: this.#zongji.isMariaDb ? 'mariadb' : 'mysql',
        interests: this.#options.interests,
        stateSchema: this.#options.stateSchema,
        charsets: this.#options.charsets,
        checksumBytes: this.#zongji.useChecksum ? CRC32_BYTES : 0,
        emit: this.#options.onEvent,
      });
      const { stream } = tapPackets(this.#zongji, (event) => this.#handle(decoder, event));
      stream.on('data', this.#options.onActivity);
      this.#stream = stream;
    } catch (error) {
      this.#fail(asUnstaleError(error));
    }
  }

  /** Gets every event first; false leaves it to zongji, which must not pass over what nobody can read. */
  #handle(decoder: EventDecoder, event: RawEvent): boolean {
    if (this.#ended) return true;
    try {
      if (decoder.decode(event.buffer, event.start, event.end)) return true;
    } catch (error) {
      this.#fail(asUnstaleError(error));
      return true;
    }
    const kind = classifyEvent(event);
    switch (kind) {
      case 'readable':
        return false;
      case 'blind':
        this.#options.onEvent({ kind: 'blind', timestamp: 0, nextOffset: 0 });
        return true;
      case 'compressed-transaction':
        this.#fail(undecodable('a compressed transaction (binlog_transaction_compression = ON)'));
        return true;
      case 'unknown':
        this.#fail(undecodable(`an event of the unknown type ${eventType(event)}`));
        return true;
    }
  }

  /** The rare events: they begin files and connections, or belong to XA and to tagged or anonymous GTIDs. */
  #translate(event: AnyBinlogEvent): void {
    const header = { timestamp: event.timestamp, nextOffset: event.nextPosition };
    const emit = this.#options.onEvent;
    if (is(event, 'Rotate'))
      return emit({ ...header, kind: 'rotate', file: event.binlogName, offset: event.position });
    if (is(event, 'Format')) return emit({ ...header, kind: 'format' });
    if (is(event, 'Heartbeat')) {
      return emit({ ...header, kind: 'heartbeat', file: event.binlogName, offset: event.nextPosition });
    }
    if (is(event, 'PreviousGtids'))
      return emit({ ...header, kind: 'previous-gtids', gtidSet: event.gtidSet });
    if (is(event, 'MariadbGtidList')) {
      // A domain's run is in order: the last entry of a domain is the newest.
      const newest = new Map(event.gtids.map((entry) => [entry.domainId, entry.gtid]));
      return emit({ ...header, kind: 'previous-gtids', gtidSet: [...newest.values()].join(',') });
    }
    if (is(event, 'Gtid') || is(event, 'AnonymousGtid')) {
      const gtid = is(event, 'Gtid') ? event.gtid : undefined;
      return emit({ ...header, kind: 'gtid', gtid, opens: 'by-statement', committedAt: undefined });
    }
    if (is(event, 'Query'))
      return emit({ ...header, kind: 'statement', schema: event.schema, text: event.query });
    if (is(event, 'XaPrepare')) return emit({ ...header, kind: 'xa-prepare', onePhase: event.onePhase });
    return emit({ ...header, kind: 'other' });
  }

  #fail(error: Error): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#options.onFailure(error);
  }
}

function is<N extends BinlogEventTypeName>(
  event: AnyBinlogEvent,
  name: N,
): event is BinlogEventByTypeName<N> {
  return event.getTypeName() === name;
}

function undecodable(what: string): UnstaleError {
  return new UnstaleError('UNSTALE_EVENT_UNDECODABLE', `the binlog holds ${what}, which cannot be read yet`);
}
