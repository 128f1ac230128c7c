import type { ConnectionOptions } from 'mysql2';
import type { SourcePosition } from '../change/position.ts';
import { formatPosition } from '../change/position.ts';
import type { SourceEvent } from '../change/source-event.ts';
import type { TableInterest } from '../change/table.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { ChangeSource, Log, RetryDelay, SqlClient, StartPoint } from '../pipeline/ports.ts';
import type { BinlogEvent } from './binlog-event.ts';
import { CascadeFollower } from './cascades/cascade-follower.ts';
import { readTableDefinition } from './catalogue.ts';
import { readCharsets } from './charsets.ts';
import { classifyDumpError } from './dump-errors.ts';
import { EventBuffer } from './event-buffer.ts';
import { readServerFacts } from './server-facts.ts';
import { resolveStart } from './start-position.ts';
import type { ResumeBy } from './start-position.ts';
import { TransactionAssembler } from './transaction-assembler.ts';
import { ZongjiStream } from './zongji-stream.ts';

export interface MysqlSourceOptions {
  /** For short questions to the server that is the source. */
  readonly client: SqlClient;
  /** Connection options of the dump, TLS settled. */
  readonly connection: () => Promise<ConnectionOptions>;
  readonly classifyError: (error: unknown) => UnstaleError;
  readonly interests: readonly TableInterest[];
  readonly stateSchema: string | undefined;
  readonly serverId: number;
  readonly resumeBy: ResumeBy;
  /** `minimal`: column names may come from information_schema where the binlog does not hold them. */
  readonly rowMetadata: 'full' | 'minimal';
  /** Whether events whose checksum is wrong are refused. */
  readonly verifyChecksums: boolean;
  /** ms */
  readonly heartbeatInterval: number;
  /** Longest silence, heartbeats included, before the connection counts as dead, ms. */
  readonly silenceTimeout: number;
  /** Longest time from connecting to the first event, ms. */
  readonly startTimeout: number;
  readonly maxBufferedBytes: number;
  readonly retryDelay: RetryDelay;
  readonly log: Log;
  /** A connection was made. */
  readonly onConnect: () => void;
  readonly now?: () => number;
}

/** Binlog bytes in one slice of a large transaction. */
const SLICE_BYTES = 16 * 1024;
/** A read of the socket brings some hundred small transactions; holding it back for less would cost more than it saves. */
const MAX_BUFFERED_EVENTS = 512;

/**
 * The binlog of one MySQL or MariaDB server as a ChangeSource.
 *
 * It owns reconnecting: a dump that is lost, or silent for too long, is begun again after the last complete
 * transaction that was handed on. Slices of a transaction that was cut off come again; deletes are idempotent.
 */
export class MysqlSource implements ChangeSource {
  readonly #options: MysqlSourceOptions;
  readonly #now: () => number;
  readonly #buffer: EventBuffer;
  readonly #cascades: CascadeFollower;
  readonly #closing = new AbortController();
  #stream: ZongjiStream | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #reconnecting: Promise<void> | undefined;
  #position: SourcePosition | undefined;
  #lastActivity: number | undefined;
  #pausedSince: number | undefined;
  #pausedTotal = 0;

  constructor(options: MysqlSourceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#cascades = new CascadeFollower(options.interests);
    this.#buffer = new EventBuffer({
      maxBytes: options.maxBufferedBytes,
      maxEvents: MAX_BUFFERED_EVENTS,
      pause: () => {
        this.#pausedSince = this.#now();
        this.#stream?.pause();
      },
      resume: () => {
        if (this.#pausedSince !== undefined) this.#pausedTotal += this.#now() - this.#pausedSince;
        this.#pausedSince = undefined;
        this.#lastActivity = this.#now();
        this.#stream?.resume();
      },
    });
  }

  /** Whether a dump is running. */
  get isStreaming(): boolean {
    return this.#stream !== undefined;
  }

  /** Whether the binlog is held back because Redis does not keep up. */
  get isPaused(): boolean {
    return this.#buffer.isPaused;
  }

  /** Time for which the binlog was held back so far, ms. */
  get pausedMs(): number {
    return this.#pausedTotal + (this.#pausedSince === undefined ? 0 : this.#now() - this.#pausedSince);
  }

  /** Time since anything arrived, heartbeats included, ms; undefined before the first connection. */
  get lastActivityAge(): number | undefined {
    return this.#lastActivity === undefined ? undefined : this.#now() - this.#lastActivity;
  }

  /** Binlog bytes that were received and not read by the pipeline yet. */
  get bufferedBytes(): number {
    return this.#buffer.bytes;
  }

  /** The place after the last complete transaction that was received. */
  get received(): SourcePosition | undefined {
    return this.#position;
  }

  async open(start: StartPoint, signal: AbortSignal): Promise<SourcePosition> {
    const position = await this.#connect(start, signal);
    this.#watchdog = setInterval(() => this.#checkSilence(), Math.max(50, this.#options.silenceTimeout / 8));
    return position;
  }

  read(): Promise<readonly SourceEvent[]> {
    return this.#buffer.read();
  }

  async close(): Promise<void> {
    clearInterval(this.#watchdog);
    this.#closing.abort();
    this.#buffer.close();
    await this.#reconnecting;
    await this.#dropStream();
  }

  /** One attempt; resolves when the server has begun to send. */
  async #connect(start: StartPoint, signal: AbortSignal): Promise<SourcePosition> {
    const options = this.#options;
    const server = await readServerFacts(options.client);
    const { dump, position } = await resolveStart(start, server, options.client, options.resumeBy);
    const charsets = await readCharsets(options.client);
    const cascades = this.#cascades;
    await cascades.refresh(options.client, server);
    const connection = await options.connection();
    const at = dump.by === 'gtid' ? `GTID set ${dump.gtidSet}` : `${dump.file}:${dump.offset}`;
    const assembler = new TransactionAssembler({
      flavour: server.flavour,
      start: position,
      mapped: options.interests.map((interest) => interest.table),
      sliceBytes: SLICE_BYTES,
      emit: (event) => this.#emit(event, assembler),
    });

    const begun = Promise.withResolvers<SourcePosition>();
    let established = false;
    let early: (() => void) | undefined;
    const onEvent = (event: BinlogEvent): void => {
      assembler.accept(cascades.complete(event));
      if (cascades.isOutdatedBy(event)) {
        if (this.#stream === stream) this.#renew(stream);
        else early ??= () => this.#renew(stream);
      }
      if (established || event.kind !== 'format') return;
      established = true;
      begun.resolve(assembler.position);
    };
    const stream = new ZongjiStream({
      connection,
      serverId: options.serverId,
      start: dump,
      tables: {
        interests: cascades.interests,
        stateSchema: options.stateSchema,
        charsets,
        rowMetadata: options.rowMetadata,
        readCatalogue: (schema, table) => readTableDefinition(options.client, schema, table),
      },
      verifyChecksums: options.verifyChecksums,
      heartbeatInterval: options.heartbeatInterval,
      onEvent,
      onActivity: () => {
        this.#lastActivity = this.#now();
      },
      onFailure: (error) => {
        const failure = this.#classify(error, at);
        if (!established) begun.reject(failure);
        else if (this.#stream === stream) this.#lose(stream, failure);
        else early = () => this.#lose(stream, failure);
      },
    });
    const deadline = setTimeout(() => {
      begun.reject(
        new UnstaleError(
          'UNSTALE_MYSQL_UNREACHABLE',
          `no binlog event arrived within ${options.startTimeout} ms of connecting`,
        ),
      );
    }, options.startTimeout);
    const cancel = (): void =>
      begun.reject(new UnstaleError('UNSTALE_BINLOG_CONNECTION_LOST', 'stopped while connecting'));
    signal.addEventListener('abort', cancel, { once: true });
    if (signal.aborted) cancel();
    try {
      const reached = await begun.promise;
      refuseAnotherFile(position, reached, server.serverUuid);
      this.#stream = stream;
      this.#position = reached;
      if (this.#buffer.isPaused) stream.pause();
      options.onConnect();
      options.log.info({ position: formatPosition(reached), by: dump.by }, 'reading the binlog');
      early?.();
      return reached;
    } catch (error) {
      await stream.stop();
      throw error;
    } finally {
      clearTimeout(deadline);
      signal.removeEventListener('abort', cancel);
    }
  }

  #emit(event: SourceEvent, assembler: TransactionAssembler): void {
    if (event.kind === 'idle') this.#position = event.position;
    else if (event.kind === 'slice' && event.slice.resumeAfter !== undefined)
      this.#position = event.slice.resumeAfter;
    else if (event.kind === 'scope') {
      this.#options.log.warn(
        {
          tables: event.tables.map((table) => `${table.schema}.${table.table}`),
          reason: event.reason,
          after: formatPosition(assembler.position),
        },
        'a change without rows: every key of these tables is removed',
      );
    }
    this.#buffer.push(event);
  }

  #classify(error: Error, at: string): UnstaleError {
    if (error instanceof UnstaleError) return error;
    const refusal = classifyDumpError(error, at);
    if (refusal !== undefined) return refusal;
    const failure = this.#options.classifyError(error);
    if (failure.policy.directive === 'retry') {
      return new UnstaleError(
        'UNSTALE_BINLOG_CONNECTION_LOST',
        `the binlog connection failed: ${error.message}`,
        { cause: error },
      );
    }
    return failure;
  }

  #lose(stream: ZongjiStream, failure: UnstaleError): void {
    if (this.#stream !== stream || this.#closing.signal.aborted) return;
    if (failure.policy.directive !== 'retry') {
      this.#buffer.fail(failure);
      return;
    }
    this.#options.log.warn({ err: failure }, 'the binlog connection is lost; reconnecting');
    this.#restart();
  }

  /** Begins again behind a change of foreign keys, because what follows has to be decoded for those of now. */
  #renew(stream: ZongjiStream): void {
    if (this.#stream !== stream || this.#closing.signal.aborted) return;
    this.#options.log.info({}, 'foreign keys may have changed; reading them again');
    this.#restart();
  }

  #restart(): void {
    this.#reconnecting ??= this.#reconnect().finally(() => {
      this.#reconnecting = undefined;
    });
  }

  async #reconnect(): Promise<void> {
    const signal = this.#closing.signal;
    await this.#dropStream();
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const position = this.#position;
      if (position === undefined) return;
      try {
        await this.#awaitExecuted(position);
        await this.#connect({ from: 'checkpoint', position }, signal);
        return;
      } catch (error) {
        const failure = error instanceof UnstaleError ? error : this.#options.classifyError(error);
        if (failure.policy.directive !== 'retry') {
          this.#buffer.fail(failure);
          return;
        }
        this.#options.log.debug({ err: failure, attempt }, 'the source cannot be reached yet');
        await this.#options.retryDelay(attempt, signal);
      }
    }
  }

  /**
   * MySQL sends a transaction before it counts as executed, and would be asked to resume behind one that it does
   * not know yet. A set that stays unknown is found when connecting.
   */
  async #awaitExecuted({ gtidSet }: SourcePosition): Promise<void> {
    // Only MySQL's sets have colons.
    if (gtidSet?.includes(':') !== true) return;
    await this.#options.client.query('SELECT WAIT_FOR_EXECUTED_GTID_SET(?, 1)', [gtidSet]);
  }

  async #dropStream(): Promise<void> {
    const stream = this.#stream;
    this.#stream = undefined;
    await stream?.stop();
  }

  #checkSilence(): void {
    const age = this.lastActivityAge;
    const stream = this.#stream;
    // A paused connection is silent because it is not read; the server waits.
    if (stream === undefined || this.isPaused || age === undefined || age < this.#options.silenceTimeout)
      return;
    this.#lose(
      stream,
      new UnstaleError('UNSTALE_BINLOG_SILENT', `nothing arrived for ${age} ms, not even a heartbeat`),
    );
  }
}

/** The creation time of a binlog file is its identity: after a RESET another file has the same name. */
function refuseAnotherFile(wanted: SourcePosition, reached: SourcePosition, serverUuid: string): void {
  if (wanted.fileCreatedAt === 0 || wanted.serverUuid !== serverUuid || wanted.file !== reached.file) return;
  if (wanted.fileCreatedAt === reached.fileCreatedAt) return;
  throw new UnstaleError(
    'UNSTALE_POSITION_INVALID',
    `${wanted.file} was created at ${new Date(reached.fileCreatedAt * 1000).toISOString()}, the stored position is from a ` +
      `file of that name created at ${new Date(wanted.fileCreatedAt * 1000).toISOString()}: the binlogs were reset or replaced`,
  );
}
