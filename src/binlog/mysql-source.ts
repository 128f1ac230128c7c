import { gtidField } from '../change/gtids.ts';
import type { SourcePosition } from '../change/position.ts';
import { formatPosition } from '../change/position.ts';
import type { SourceEvent } from '../change/source-event.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { ChangeSource, Log, RetryDelay, Sleep, StartPoint } from '../pipeline/ports.ts';
import type { BinlogFile } from './binlog-files.ts';
import { CascadeFollower } from './cascades/cascade-follower.ts';
import { isGap } from './dump-errors.ts';
import { openDump, readFileCreatedAt } from './dump.ts';
import type { Dump, DumpOptions } from './dump.ts';
import { EventBuffer } from './event-buffer.ts';
import { GapRecovery } from './gap-recovery.ts';
import type { OpenGap } from './gap-recovery.ts';
import { nameOtherClients } from './other-clients.ts';
import { probeStart } from './probe-start.ts';
import { readServerFacts } from './server-facts.ts';
import { currentEnd, refuseAnotherFile, resolveStart } from './start-position.ts';
import type { ResolveContext, ResumeBy } from './start-position.ts';
import { StreamCheck } from './stream-check.ts';
import { formatReach } from './table-reaches.ts';

export interface MysqlSourceOptions extends DumpOptions {
  readonly resumeBy: ResumeBy;
  /** What to do when a part of the binlog will never be read. */
  readonly onGap: 'halt' | 'invalidate';
  /** See GapRecoveryOptions, ms. */
  readonly gapWait: number;
  readonly sleep: Sleep;
  /** Longest silence, heartbeats included, before the connection counts as dead, ms. */
  readonly silenceTimeout: number;
  readonly maxBufferedBytes: number;
  readonly retryDelay: RetryDelay;
  readonly log: Log;
  /** A connection was made. */
  readonly onConnect: () => void;
  readonly now?: () => number;
}

/** A read of the socket brings some hundred small transactions; holding it back for less would cost more than it saves. */
const MAX_BUFFERED_EVENTS = 512;

/** Longest run of unread hints that one log line stands for, ms. */
const UNREAD_HINT_LOG_INTERVAL = 60_000;

/** A dump that ends sooner was refused rather than lost, ms. */
const SHORT_LIVED = 1000;

/**
 * The binlog of one MySQL or MariaDB server as a ChangeSource.
 *
 * It owns reconnecting: a dump that is lost, or silent for too long, is begun again after the last complete
 * transaction that was handed on. Slices of a transaction that was cut off come again; deletes are idempotent.
 * Where nothing can be begun again, it halts or recovers: see GapRecovery.
 */
export class MysqlSource implements ChangeSource {
  readonly #options: MysqlSourceOptions;
  readonly #now: () => number;
  readonly #buffer: EventBuffer;
  readonly #closing = new AbortController();
  readonly #cascades: CascadeFollower;
  readonly #recovery: GapRecovery;
  readonly #check = new StreamCheck();
  #dump: Dump | undefined;
  #watchdog: NodeJS.Timeout | undefined;
  #reconnecting: Promise<void> | undefined;
  #position: SourcePosition | undefined;
  /** Of the newest position that the pipeline knows. */
  #epoch = 0;
  #connectedAt = 0;
  /** Dumps in a row that ended right after they had begun. */
  #shortLived = 0;
  #lastActivity: number | undefined;
  #pausedSince: number | undefined;
  #pausedTotal = 0;
  #unreadHints = 0;
  #unreadHintLoggedAt = -Infinity;

  constructor(options: MysqlSourceOptions) {
    this.#options = options;
    this.#now = options.now ?? Date.now;
    this.#cascades = new CascadeFollower(options.interests, options.stateSchema);
    this.#buffer = new EventBuffer({
      maxBytes: options.maxBufferedBytes,
      maxEvents: MAX_BUFFERED_EVENTS,
      pause: () => {
        this.#pausedSince = this.#now();
        this.#dump?.pause();
      },
      resume: () => {
        if (this.#pausedSince !== undefined) this.#pausedTotal += this.#now() - this.#pausedSince;
        this.#pausedSince = undefined;
        this.#lastActivity = this.#now();
        this.#dump?.resume();
      },
    });
    this.#recovery = new GapRecovery({
      wait: options.gapWait,
      sleep: options.sleep,
      log: options.log,
      emit: (event) => this.#buffer.push(event),
    });
  }

  /** Whether a dump is running. */
  get isStreaming(): boolean {
    return this.#dump !== undefined;
  }

  /** A gap in the binlog whose keys are not removed yet. */
  get openGap(): OpenGap | undefined {
    return this.#recovery.open;
  }

  /** Redis has acknowledged everything before `position`. */
  applied(position: SourcePosition): void {
    this.#recovery.applied(position);
  }

  /** Compares the running dump with the server's files, and begins it again if it cannot be reading them. */
  compare(files: readonly BinlogFile[]): void {
    const dump = this.#dump;
    if (dump === undefined) return;
    const { position: reached, events } = dump;
    const doubt = this.#check.look(files, { reached, events, paused: this.isPaused });
    if (doubt !== undefined) this.#lose(dump, new UnstaleError('UNSTALE_BINLOG_CONNECTION_LOST', doubt));
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

  /** Texts so far whose comments may name keys and that were too large to be read. */
  get unreadHints(): number {
    return this.#unreadHints;
  }

  /** The place after the last complete transaction that was received. */
  get received(): SourcePosition | undefined {
    return this.#position;
  }

  /** The place up to which everything has arrived, what the pipeline is never told of included: unstale's own writes. */
  get reached(): SourcePosition | undefined {
    return this.#dump?.position;
  }

  /** Where this source would begin at `start`, without touching the running stream. @throws UnstaleError as `probeStart` */
  probe(start: StartPoint, signal: AbortSignal): Promise<SourcePosition> {
    return probeStart(start, this.#options.resumeBy, this.#options, signal);
  }

  async open(start: StartPoint, signal: AbortSignal): Promise<SourcePosition> {
    const position = await this.#openOrRecover(start, signal);
    this.#watchdog = setInterval(() => this.#checkSilence(), Math.max(50, this.#options.silenceTimeout / 8));
    return position;
  }

  async #openOrRecover(start: StartPoint, signal: AbortSignal): Promise<SourcePosition> {
    if (start.from !== 'checkpoint') return this.#connect(start, signal);
    const { epoch } = start.newest ?? start.position;
    this.#epoch = epoch;
    try {
      return await this.#connect(start, signal);
    } catch (error) {
      const gap = this.#recoverable(error);
      if (gap === undefined) throw error;
      const position = await this.#recover({ ...start.position, epoch }, gap, signal);
      return this.#connect({ from: 'checkpoint', position }, signal);
    }
  }

  read(): Promise<readonly SourceEvent[]> {
    return this.#buffer.read();
  }

  async close(): Promise<void> {
    clearInterval(this.#watchdog);
    this.#closing.abort();
    this.#buffer.close();
    await this.#reconnecting;
    await this.#dropDump();
  }

  /** One attempt; resolves when the server has begun to send. */
  async #connect(start: StartPoint, signal: AbortSignal): Promise<SourcePosition> {
    const { log, onConnect } = this.#options;
    const context = await this.#context(signal);
    const { server } = context;
    const resolved = await resolveStart(start, context);
    const { epoch } = resolved.position;
    const end = epoch === this.#epoch ? undefined : await currentEnd(server, context.client);
    const dump = await openDump(
      this.#options,
      this.#cascades,
      server,
      resolved,
      {
        onBegin: (reached) => this.#begin(reached, end),
        emit: (event, after) => this.#emit(event, after),
        onActivity: () => {
          this.#lastActivity = this.#now();
        },
        onUnreadHint: () => this.#noteUnreadHint(),
      },
      signal,
    );
    this.#dump = dump;
    this.#connectedAt = this.#now();
    this.#check.restart();
    if (this.#buffer.isPaused) dump.pause();
    onConnect();
    log.info({ position: formatPosition(dump.reached), by: resolved.dump.by }, 'reading the binlog');
    void dump.lost.then((failure) => this.#lose(dump, failure));
    return dump.reached;
  }

  async #context(signal: AbortSignal): Promise<ResolveContext> {
    const { client, resumeBy } = this.#options;
    const server = await readServerFacts(client);
    const fileCreatedAt = (file: string): Promise<number> =>
      readFileCreatedAt(file, this.#options, server, signal);
    return { server, client, resumeBy, fileCreatedAt };
  }

  #begin(reached: SourcePosition, end: SourcePosition | undefined): void {
    this.#position = reached;
    const { epoch } = reached;
    if (end !== undefined) this.#buffer.push({ kind: 'epoch', position: reached, end: { ...end, epoch } });
    this.#epoch = epoch;
  }

  #emit(event: SourceEvent, after: () => SourcePosition): void {
    if (event.kind === 'idle') this.#position = event.position;
    else if (event.kind === 'slice' && event.slice.resumeAfter !== undefined)
      this.#position = event.slice.resumeAfter;
    else if (event.kind === 'scope') {
      this.#options.log.warn(
        {
          tables: event.tables.map(formatReach),
          reason: event.reason,
          after: formatPosition(after()),
          ...(event.mark === undefined ? {} : gtidField([event.mark])),
        },
        'a change without rows: every key of these tables is removed',
      );
    }
    this.#buffer.push(event);
  }

  #noteUnreadHint(): void {
    this.#unreadHints += 1;
    const now = this.#now();
    if (now - this.#unreadHintLoggedAt < UNREAD_HINT_LOG_INTERVAL) return;
    this.#unreadHintLoggedAt = now;
    this.#options.log.warn(
      { code: 'UNSTALE_HINT_UNREAD', so_far: this.#unreadHints },
      'a comment that may name keys was not read: its statement or transaction is too large',
    );
  }

  #lose(dump: Dump, failure: UnstaleError | 'outdated'): void {
    if (this.#dump !== dump || this.#closing.signal.aborted) return;
    if (this.#reconnecting !== undefined) {
      // It was lost before the work of connecting it had ended.
      void this.#reconnecting.then(() => this.#lose(dump, failure));
      return;
    }
    this.#reconnecting = this.#reconnect(failure).finally(() => {
      this.#reconnecting = undefined;
    });
  }

  /** Goes on after the dump ended with `ended`, for as long as that can be mended from here. */
  async #reconnect(ended: UnstaleError | 'outdated'): Promise<void> {
    const { log } = this.#options;
    const signal = this.#closing.signal;
    await this.#dropDump();
    if (ended === 'outdated') {
      log.info({}, 'foreign keys may have changed; reading them again');
      return this.#goOn(undefined);
    }
    const failure = isGap(ended) ? await this.#named(ended, signal) : ended;
    // gtid_mode was switched under a dump by GTID: there may be another way to resume.
    const retried = failure.policy.directive === 'retry' || failure.code === 'UNSTALE_GTID_OFF';
    if (retried) log.warn({ err: failure }, 'the binlog connection is lost; reconnecting');
    const gap = this.#recoverable(failure);
    if (!retried && gap === undefined) return this.#end(failure);
    // A server that accepts the dump and then ends it at once must not be asked without pause.
    this.#shortLived = this.#now() - this.#connectedAt < SHORT_LIVED ? this.#shortLived + 1 : 0;
    if (this.#shortLived > 0 && gap === undefined) await this.#options.retryDelay(this.#shortLived, signal);
    return this.#goOn(gap);
  }

  /** Connects again, for as long as it takes; first recovers from a gap. */
  async #goOn(found: UnstaleError | undefined): Promise<void> {
    const { log, retryDelay } = this.#options;
    const signal = this.#closing.signal;
    let gap = found;
    for (let attempt = 1; !signal.aborted; attempt += 1) {
      const position = this.#position;
      if (position === undefined) return;
      try {
        if (gap !== undefined) this.#position = await this.#recover(position, gap, signal);
        gap = undefined;
        await this.#connect({ from: 'checkpoint', position: this.#position ?? position }, signal);
        return;
      } catch (error) {
        const next = error instanceof UnstaleError ? error : this.#options.classifyError(error);
        gap = this.#recoverable(next) ?? gap;
        if (gap !== next && next.policy.directive !== 'retry') return this.#end(next);
        log.debug({ err: next, attempt }, 'the source cannot be followed yet');
        // A gap that was just found is not waited for.
        if (gap !== next || attempt > 1) await retryDelay(attempt, signal);
      }
    }
  }

  /** The gap that an error means, if gaps are to be recovered from. */
  #recoverable(error: unknown): UnstaleError | undefined {
    return this.#options.onGap === 'invalidate' && isGap(error) ? error : undefined;
  }

  #recover(lost: SourcePosition, gap: UnstaleError, signal: AbortSignal): Promise<SourcePosition> {
    return this.#recovery.run(lost, gap, () => this.#noteHead(signal), signal);
  }

  /** The end of the binlog as it is now. */
  async #noteHead(signal: AbortSignal): Promise<SourcePosition> {
    const { server, client, fileCreatedAt } = await this.#context(signal);
    const head = await currentEnd(server, client);
    return { ...head, fileCreatedAt: await fileCreatedAt(head.file) };
  }

  /** What the server says of a gap in the middle of reading is vague; asked anew, its files tell more. */
  async #named(gap: UnstaleError, signal: AbortSignal): Promise<UnstaleError> {
    const position = this.#position;
    if (position === undefined) return gap;
    try {
      const context = await this.#context(signal);
      await resolveStart({ from: 'checkpoint', position }, context);
      if (position.serverUuid === context.server.serverUuid) await refuseAnotherFile(position, context);
      return gap;
    } catch (error) {
      return isGap(error) ? error : gap;
    }
  }

  async #end(failure: UnstaleError): Promise<void> {
    const { client, serverId } = this.#options;
    if (failure.code !== 'UNSTALE_SERVER_ID_CLASH') return this.#buffer.fail(failure);
    // Who cannot be asked is not named.
    this.#buffer.fail(await nameOtherClients(failure, serverId, client).catch(() => failure));
  }

  async #dropDump(): Promise<void> {
    const dump = this.#dump;
    this.#dump = undefined;
    await dump?.stop();
  }

  #checkSilence(): void {
    const age = this.lastActivityAge;
    const dump = this.#dump;
    // A paused connection is silent because it is not read; the server waits.
    if (dump === undefined || this.isPaused || age === undefined || age < this.#options.silenceTimeout)
      return;
    this.#lose(
      dump,
      new UnstaleError('UNSTALE_BINLOG_SILENT', `nothing arrived for ${age} ms, not even a heartbeat`),
    );
  }
}
