import type { ConnectionOptions } from 'mysql2';
import type { SourcePosition } from '../change/position.ts';
import type { SourceEvent } from '../change/source-event.ts';
import type { TableInterests } from '../change/table.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient } from '../pipeline/ports.ts';
import type { BinlogEvent } from './binlog-event.ts';
import { CascadeFollower } from './cascades/cascade-follower.ts';
import { readTableDefinition } from './catalogue.ts';
import { readCharsets } from './charsets.ts';
import { classifyDumpError } from './dump-errors.ts';
import type { ServerFacts } from './server-facts.ts';
import { anotherFile } from './start-position.ts';
import type { ResolvedStart } from './start-position.ts';
import { TransactionAssembler } from './transaction-assembler.ts';
import { ZongjiStream } from './zongji-stream.ts';

export interface DumpOptions {
  /** For short questions to the server that is the source. */
  readonly client: SqlClient;
  /** Connection options of the dump, TLS settled. */
  readonly connection: () => Promise<ConnectionOptions>;
  readonly classifyError: (error: unknown) => UnstaleError;
  readonly interests: TableInterests;
  readonly stateSchema: string | undefined;
  readonly serverId: number;
  /** `minimal`: column names may come from information_schema where the binlog does not hold them. */
  readonly rowMetadata: 'full' | 'minimal';
  /** Whether events whose checksum is wrong are refused. */
  readonly verifyChecksums: boolean;
  /** Whether keys are looked for that comments of statements name; not by default. */
  readonly hints?: boolean;
  /** ms */
  readonly heartbeatInterval: number;
  /** Longest time from connecting to the first event, ms. */
  readonly startTimeout: number;
}

export interface DumpHandlers {
  /** The server has begun to send, and nothing of it was emitted yet. */
  readonly onBegin: (reached: SourcePosition) => void;
  /** `after` gives the place after the last complete transaction. */
  readonly emit: (event: SourceEvent, after: () => SourcePosition) => void;
  /** Bytes arrived, of whatever kind. */
  readonly onActivity: () => void;
  /** Keys that comments name were not read, because they or their statement are too large. */
  readonly onUnreadHint: () => void;
}

/** A running dump. */
export interface Dump {
  /** Where it began, with the identity of the file. */
  readonly reached: SourcePosition;
  /** The place up to which events arrived, but not behind an XA transaction that is prepared. */
  readonly position: SourcePosition;
  /** Events of the binlog that arrived so far, heartbeats not counted. */
  readonly events: number;
  /**
   * Resolves with what ended the dump, unless it is stopped first; `outdated`: foreign keys may have changed, and
   * nothing more is emitted.
   */
  readonly lost: Promise<UnstaleError | 'outdated'>;
  pause(): void;
  resume(): void;
  /** Ends it and frees its connections. */
  stop(): Promise<void>;
}

/** Of whoever only begins to read. */
export const NO_TABLE: TableInterests = {
  named: [],
  of: () => undefined,
  mayReach: () => false,
  hasPatterns: false,
};
/** Binlog bytes in one slice of a large transaction. */
const SLICE_BYTES = 16 * 1024;

/**
 * Connects once; resolves when the server has begun to send.
 * @throws UnstaleError of the connection, of the server's refusal, or UNSTALE_BINLOG_RESET when the file is
 *   another one than the position's.
 */
export async function openDump(
  options: DumpOptions,
  cascades: CascadeFollower,
  server: ServerFacts,
  start: ResolvedStart,
  handlers: DumpHandlers,
  signal: AbortSignal,
): Promise<Dump> {
  const { dump, position } = start;
  const charsets = await readCharsets(options.client);
  await cascades.refresh(options.client, server);
  const connection = await options.connection();
  const at = dump.by === 'gtid' ? `GTID set ${dump.gtidSet}` : `${dump.file}:${dump.offset}`;
  const assembler = new TransactionAssembler({
    flavour: server.flavour,
    start: position,
    interests: options.interests,
    sliceBytes: SLICE_BYTES,
    onUnreadHint: handlers.onUnreadHint,
    emit: (event) => handlers.emit(event, after),
  });

  const after = (): SourcePosition => assembler.position;
  const begun = Promise.withResolvers<SourcePosition>();
  const lost = Promise.withResolvers<UnstaleError | 'outdated'>();
  let state: 'connecting' | 'refused' | 'running' = 'connecting';
  let events = 0;
  const onEvent = (event: BinlogEvent): void => {
    // What comes behind the beginning of a wrong file must not be taken for changes.
    if (state === 'refused') return;
    if (event.kind !== 'heartbeat') events += 1;
    assembler.accept(cascades.complete(event));
    if (cascades.isOutdatedBy(event)) {
      // What follows has to be decoded for the foreign keys of then.
      state = 'refused';
      lost.resolve('outdated');
      return;
    }
    if (state === 'running' || event.kind !== 'format') return;
    const reached = assembler.position;
    const replaced = isAnotherFile(position, reached);
    state = replaced ? 'refused' : 'running';
    if (replaced) return begun.reject(anotherFile(position, reached.fileCreatedAt));
    handlers.onBegin(reached);
    begun.resolve(reached);
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
    onUnreadHint: options.hints === true ? handlers.onUnreadHint : undefined,
    heartbeatInterval: options.heartbeatInterval,
    onEvent,
    onActivity: handlers.onActivity,
    onFailure: (error) => {
      const failure = classify(error, at, options.classifyError);
      begun.reject(failure);
      lost.resolve(failure);
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
    return {
      reached,
      get position() {
        return assembler.position;
      },
      get events() {
        return events;
      },
      lost: lost.promise,
      pause: () => stream.pause(),
      resume: () => stream.resume(),
      stop: () => stream.stop(),
    };
  } catch (error) {
    state = 'refused';
    await stream.stop();
    throw error;
  } finally {
    clearTimeout(deadline);
    signal.removeEventListener('abort', cancel);
  }
}

/**
 * Asks the server when it created a binlog file, s since the epoch, by beginning to read it.
 * @throws UnstaleError like `openDump`.
 */
export async function readFileCreatedAt(
  file: string,
  options: DumpOptions,
  server: ServerFacts,
  signal: AbortSignal,
): Promise<number> {
  const position = { serverUuid: server.serverUuid, epoch: 0, file, offset: 4, fileCreatedAt: 0 };
  const ignore = (): void => undefined;
  const dump = await openDump(
    { ...options, interests: NO_TABLE, hints: false },
    new CascadeFollower(NO_TABLE, options.stateSchema),
    server,
    { dump: { by: 'file', file, offset: position.offset }, position },
    { onBegin: ignore, emit: ignore, onActivity: ignore, onUnreadHint: ignore },
    signal,
  );
  await dump.stop();
  return dump.reached.fileCreatedAt;
}

/** The creation time of a binlog file is its identity: after a RESET another file has the same name. */
function isAnotherFile(wanted: SourcePosition, reached: SourcePosition): boolean {
  if (wanted.fileCreatedAt === 0 || wanted.serverUuid !== reached.serverUuid) return false;
  return wanted.file === reached.file && wanted.fileCreatedAt !== reached.fileCreatedAt;
}

function classify(error: Error, at: string, classifyError: (error: unknown) => UnstaleError): UnstaleError {
  if (error instanceof UnstaleError) return error;
  const refusal = classifyDumpError(error, at);
  if (refusal !== undefined) return refusal;
  const failure = classifyError(error);
  if (failure.policy.directive !== 'retry') return failure;
  return new UnstaleError(
    'UNSTALE_BINLOG_CONNECTION_LOST',
    `the binlog connection failed: ${error.message}`,
    { cause: error },
  );
}
