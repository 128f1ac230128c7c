import ZongJi from '@vlasky/zongji';
import type { AnyBinlogEvent, BinlogEventByTypeName, BinlogEventTypeName } from '@vlasky/zongji';
import type { ConnectionOptions } from 'mysql2';
import type { RowChange } from '../change/row-change.ts';
import type { TableInterest } from '../change/table.ts';
import { formatTable } from '../change/table.ts';
import { asUnstaleError, UnstaleError } from '../errors/unstale-error.ts';
import type { BinlogEvent } from './binlog-event.ts';
import { commitTimestamp, EVENT_TYPE, eventType, isUnknownEvent, rowsTableId } from './raw-event.ts';
import type { RawEvent } from './raw-event.ts';
import { createRowReader } from './row-reader.ts';
import type { RowReader } from './row-reader.ts';
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
const MYSQL_VECTOR_TYPE = 242;

/**
 * One dump over one zongji connection. Nothing reconnects here: after `onFailure` the stream is dead, and a
 * new one is made by its owner.
 */
export class ZongjiStream {
  readonly #options: ZongjiStreamOptions;
  readonly #zongji: ZongJi;
  readonly #readers = new Map<number, RowReader>();
  readonly #interests = new Map<string, TableInterest>();
  #ended = false;
  #commitTimestamp: number | undefined;
  #stream: { destroy(): void } | undefined;

  constructor(options: ZongjiStreamOptions) {
    this.#options = options;
    for (const interest of options.interests) this.#interests.set(formatTable(interest.table), interest);
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
      includeSchema: this.#tableFilter(),
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

  #tableFilter(): Record<string, string[] | true> {
    const filter: Record<string, string[] | true> = {};
    for (const { table } of this.#options.interests) {
      const tables = filter[table.schema] ?? [];
      if (tables !== true) filter[table.schema] = [...tables, table.table];
    }
    if (this.#options.stateSchema !== undefined) filter[this.#options.stateSchema] = true;
    return filter;
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
      const { stream } = tapPackets(this.#zongji, (event) => this.#inspect(event));
      stream.on('data', this.#options.onActivity);
      this.#stream = stream;
    } catch (error) {
      this.#fail(asUnstaleError(error));
    }
  }

  /** Sees every event before zongji does: what zongji cannot read must not pass unseen. */
  #inspect(event: RawEvent): void {
    if (this.#ended) return;
    switch (eventType(event)) {
      case EVENT_TYPE.GTID:
        this.#commitTimestamp = commitTimestamp(event);
        return;
      case EVENT_TYPE.TRANSACTION_PAYLOAD:
        this.#fail(undecodable('a compressed transaction (binlog_transaction_compression = ON)'));
        return;
      case EVENT_TYPE.PARTIAL_UPDATE_ROWS:
        if (this.#readers.has(rowsTableId(event))) {
          this.#fail(
            undecodable('a partial JSON update of a mapped table (binlog_row_value_options = PARTIAL_JSON)'),
          );
        }
        return;
      case EVENT_TYPE.EXECUTE_LOAD_QUERY:
      case EVENT_TYPE.INCIDENT:
        this.#options.onEvent({ kind: 'blind', timestamp: 0, nextOffset: 0 });
        return;
      default:
        if (isUnknownEvent(event))
          this.#fail(undecodable(`an event of the unknown type ${eventType(event)}`));
    }
  }

  #translate(event: AnyBinlogEvent): void {
    const header = { timestamp: event.timestamp, nextOffset: event.nextPosition };
    const emit = this.#options.onEvent;
    if (is(event, 'WriteRows'))
      return this.#rows(event, (reader, present) => event.rows.map((row) => reader.insert(row, present)));
    if (is(event, 'DeleteRows'))
      return this.#rows(event, (reader, present) => event.rows.map((row) => reader.delete(row, present)));
    if (is(event, 'UpdateRows')) {
      return this.#rows(event, (reader, before, after) =>
        event.rows.map((row) => reader.update(row.before, row.after, before, after)),
      );
    }
    if (is(event, 'TableMap')) return this.#tableMap(event);
    if (is(event, 'Xid')) {
      this.#forgetTables();
      return emit({ ...header, kind: 'commit' });
    }
    if (is(event, 'Query'))
      return emit({ ...header, kind: 'statement', schema: event.schema, text: event.query });
    if (is(event, 'Gtid')) {
      const committedAt = this.#commitTimestamp;
      this.#commitTimestamp = undefined;
      return emit({ ...header, kind: 'gtid', gtid: event.gtid, opens: 'by-statement', committedAt });
    }
    if (is(event, 'AnonymousGtid')) {
      return emit({
        ...header,
        kind: 'gtid',
        gtid: undefined,
        opens: 'by-statement',
        committedAt: undefined,
      });
    }
    if (is(event, 'MariadbGtid')) {
      const opens = event.standalone ? 'standalone' : 'transaction';
      return emit({ ...header, kind: 'gtid', gtid: event.gtid, opens, committedAt: undefined });
    }
    if (is(event, 'PreviousGtids'))
      return emit({ ...header, kind: 'previous-gtids', gtidSet: event.gtidSet });
    if (is(event, 'MariadbGtidList')) {
      // A domain's run is in order: the last entry of a domain is the newest.
      const newest = new Map(event.gtids.map((entry) => [entry.domainId, entry.gtid]));
      return emit({ ...header, kind: 'previous-gtids', gtidSet: [...newest.values()].join(',') });
    }
    if (is(event, 'Rotate'))
      return emit({ ...header, kind: 'rotate', file: event.binlogName, offset: event.position });
    if (is(event, 'Format')) return emit({ ...header, kind: 'format' });
    if (is(event, 'XaPrepare')) return emit({ ...header, kind: 'xa-prepare', onePhase: event.onePhase });
    if (is(event, 'Heartbeat'))
      return emit({ ...header, kind: 'heartbeat', file: event.binlogName, offset: event.nextPosition });
    return emit({ ...header, kind: 'other' });
  }

  #tableMap(event: BinlogEventByTypeName<'TableMap'>): void {
    const name = formatTable({ schema: event.schemaName, table: event.tableName });
    const interest = this.#interests.get(name);
    if (interest === undefined) return;
    if (!event.hasSelfDescribingMetadata()) {
      throw new UnstaleError(
        'UNSTALE_EVENT_UNDECODABLE',
        `the binlog was written without binlog_row_metadata = FULL for ${name}: column names cannot be known`,
      );
    }
    if (event.columnTypes.includes(MYSQL_VECTOR_TYPE))
      throw undecodable(`${name}, which has a VECTOR column`);
    const columns = event.tableMap[event.tableId]?.columns ?? [];
    this.#readers.set(
      event.tableId,
      createRowReader(
        interest,
        columns.map((column) => ({ name: column.name, type: effectiveType(column.type, column.metadata) })),
      ),
    );
  }

  #rows(
    event: BinlogEventByTypeName<'WriteRows' | 'DeleteRows' | 'UpdateRows'>,
    read: (reader: RowReader, present: Uint8Array, presentAfter: Uint8Array) => RowChange[],
  ): void {
    const header = { timestamp: event.timestamp, nextOffset: event.nextPosition };
    const reader = this.#readers.get(event.tableId);
    if (reader === undefined) {
      // Only the state schema is asked for beside the mapped tables.
      this.#options.onEvent({ ...header, kind: 'own-rows' });
      return;
    }
    const [present, presentAfter] = columnBitmaps(event);
    const changes = read(reader, present, presentAfter);
    this.#options.onEvent({ ...header, kind: 'rows', changes, bytes: event.size });
  }

  /** Every transaction brings its own TableMaps; what is kept would grow with each ALTER TABLE. */
  #forgetTables(): void {
    this.#readers.clear();
    for (const id of Object.keys(this.#zongji.tableMap)) delete this.#zongji.tableMap[Number(id)];
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

/** ENUM and SET are written as STRING with their real type in the column's metadata. */
function effectiveType(type: number, metadata: Readonly<Record<string, unknown>> | undefined): number {
  const real = metadata?.['type'];
  return typeof real === 'number' ? real : type;
}

/** Which columns the row images hold; not in zongji's types, always present on its rows events. */
function columnBitmaps(event: object): readonly [before: Uint8Array, after: Uint8Array] {
  const before = 'columns_present_bitmap' in event ? event.columns_present_bitmap : undefined;
  const after = 'columns_present_bitmap2' in event ? event.columns_present_bitmap2 : before;
  if (!(before instanceof Uint8Array) || !(after instanceof Uint8Array)) {
    throw new UnstaleError('UNSTALE_INTERNAL', 'this version of zongji gives no column bitmaps');
  }
  return [before, after];
}

function undecodable(what: string): UnstaleError {
  return new UnstaleError('UNSTALE_EVENT_UNDECODABLE', `the binlog holds ${what}, which cannot be read yet`);
}
