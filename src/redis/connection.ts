import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log } from '../pipeline/ports.ts';
import { createClient, endpointOf } from './client.ts';
import type { RedisConnectionOptions } from './client.ts';
import { classifyRedisError, isErrorReply } from './replies.ts';
import { parseServerInfo } from './server-info.ts';
import type { RedisServerInfo } from './server-info.ts';
import { probeSentinels } from './sentinel-probe.ts';
import { watchSentinels } from './sentinel-watch.ts';
import { connectionFailure } from './connection-failure.ts';
import { createCommands } from './commands.ts';
import type { Effect, NodeCommands, RedisCommands } from './commands.ts';
import { createDatasetWatch, formatIdentity } from './dataset-watch.ts';
import type { DatasetChange, DatasetWatch } from './dataset-watch.ts';
import { createReplicaWait, lostTrack } from './replica-wait.ts';
import { probeRights } from './write-probe.ts';
import type { WriteProbeResult } from './write-probe.ts';
import type { WriteSample } from './sample-commands.ts';

/**
 * A connection to one Redis that is made anew, for ever, when it is lost. A command fails at once while there
 * is none, with the reason for that. Commands reject with what `classifyRedisError` understands.
 */
export interface RedisConnection extends RedisCommands {
  /** How people know it: where it is, or what the sentinels call it. */
  readonly name: string;
  /** Whether commands can be sent right now. */
  isReachable(): boolean;
  /** How many sessions there were; while it stays, all commands go to the same process. */
  sessions(): number;
  /**
   * Waits until the server answers commands, for `timeoutMs` at most and the time of one command.
   * @throws UnstaleError with the reason: at once if it is fatal, else after the time.
   */
  checkReady(timeoutMs: number): Promise<void>;
  /** Whether writes to such keys are accepted; see `probeRights`. */
  probe(sample: WriteSample): Promise<WriteProbeResult>;
  /**
   * Waits until so many replicas as are asked for have what was written.
   * @param since what `sessions()` said before the first of the writes
   * @throws UnstaleError if too few have it within a second, or nobody can say.
   */
  settle(since?: number): Promise<void>;
  /**
   * Whether the data was looked at that commands go to now: it is what it was before, or the listeners of
   * `onDatasetChange` know. False while there is no connection; where the user may not ask, there is nothing to look at.
   */
  isKnown(): boolean;
  /** What the data is known by; it changes when acknowledged writes may be lost. Undefined when the user may not ask. */
  identity(): Promise<string | undefined>;
  /**
   * Calls the listener when a new session finds other data than before; returns how to stop it. Nothing is known, and
   * nothing told, where the user may not ask INFO.
   */
  onDatasetChange(listener: (change: DatasetChange) => void): () => void;
  /** All that hold keys now, for scopes; the same node is the same object each time. */
  nodes(): readonly RedisConnection[];
  /** Of one of `nodes()`: which keys it has. */
  slots(): Promise<NodeSlots>;
  /**
   * What INFO says; undefined when the user may not ask.
   * @throws UnstaleError when there is no connection or no answer.
   */
  info(): Promise<RedisServerInfo | undefined>;
  /** Ends the connection; open commands fail. Safe to call twice. */
  close(): Promise<void>;
}

/** Which keys a node has, as far as it matters to a pass over all of them. */
export interface NodeSlots {
  /** Slots whose keys are nowhere else, but for those that are moving. Empty where there is one node. */
  readonly serves: ReadonlySet<number>;
  /** Whether keys are coming or going right now. */
  readonly moving: boolean;
}

/** A connection to one process. */
export interface RedisNode extends RedisConnection, NodeCommands {
  /** Looks again what data there is: the server was promoted in the middle of a session. */
  lookAgain(): void;
}

/** Where a node belongs, if not alone. */
export interface Membership {
  readonly name: string;
  readonly watch: DatasetWatch;
}

const ALL_SLOTS: NodeSlots = { serves: new Set(), moving: false };
/** Before a server that gave no answer is asked again who it is, ms. */
const OBSERVE_RETRY = 1_000;
/** First and longest wait before a reconnect, ms; the random half keeps clients from returning together. */
const RECONNECT_INITIAL = 50;
const RECONNECT_MAX = 2_000;
const READY_POLL = 100;

/** Starts connecting and returns at once; the log gets one line for every change of the connection's state. */
export function connectRedis(options: RedisConnectionOptions, log: Log, membership?: Membership): RedisNode {
  const endpoint = endpointOf(options);
  const { name, watch } = membership ?? { name: endpoint, watch: createDatasetWatch() };
  let usable = false;
  let sessions = 0;
  // In this session, and since the server was a replica.
  let looked = false;
  let closing = false;
  // An error during the handshake leaves a session in an unknown state, e.g. in database 0.
  let distrusted = false;
  // We end the session ourselves, to look for the new master; no loss for the log.
  let leaving = false;
  let attempt = 0;
  let failure = new UnstaleError('UNSTALE_REDIS_UNREACHABLE', `not yet connected to Redis ${endpoint}`);
  let reported: string | undefined;
  let retryTimer: NodeJS.Timeout | undefined;
  // What the last sentinel said that did not lead to a master.
  let sentinelProblem: string | undefined;
  const waiters = new Set<() => void>();

  const nextDelay = (): number => {
    attempt += 1;
    const ceiling = Math.min(RECONNECT_MAX, RECONNECT_INITIAL * 2 ** Math.min(attempt - 1, 10));
    return ceiling / 2 + (Math.random() * ceiling) / 2;
  };

  const client = createClient(options, {
    retryStrategy: nextDelay,
    reconnectOnError: (error) => {
      const refusal = classifyRedisError(error);
      if (refusal.code !== 'UNSTALE_REDIS_READONLY') return false;
      // Only a new connection follows a DNS name or a proxy to the new master.
      leaving = true;
      failure = refusal;
      return true;
    },
  });

  const changed = (): void => {
    for (const wake of waiters) wake();
    waiters.clear();
  };
  const reportLoss = (): void => {
    if (reported === failure.code) return;
    const message = reported === 'connected' ? 'lost the Redis connection' : 'cannot connect to Redis';
    reported = failure.code;
    log.warn({ endpoint, code: failure.code, reason: failure.message }, message);
  };

  client.on('connecting', () => {
    distrusted = false;
    sentinelProblem = undefined;
  });
  client.on('sentinelError', (error) => {
    sentinelProblem = error.message;
  });
  client.on('error', (error) => {
    const sentinels =
      sentinelProblem === undefined ? undefined : { last: sentinelProblem, failure: watching.failure() };
    failure = connectionFailure(error, options, sentinels);
    leaving = false;
    if (client.status === 'connect' || client.status === 'ready') {
      distrusted = true;
      usable = false;
      client.disconnect(true);
    }
    changed();
  });
  client.on('ready', () => {
    if (distrusted || closing) return;
    usable = true;
    looked = false;
    sessions += 1;
    attempt = 0;
    leaving = false;
    failure = new UnstaleError('UNSTALE_REDIS_UNREACHABLE', `Redis ${endpoint} closed the connection`);
    if (reported !== 'connected') log.info({ endpoint }, 'connected to Redis');
    reported = 'connected';
    void observe(sessions);
    changed();
  });
  client.on('close', () => {
    const intended = closing || (leaving && usable);
    usable = false;
    if (!intended) reportLoss();
    changed();
  });
  client.on('end', () => {
    // ioredis gives up when the attempt itself throws, e.g. on an unreadable CA certificate.
    if (closing) return;
    reportLoss();
    retryTimer = setTimeout(() => {
      client.connect().catch(() => undefined);
    }, nextDelay());
  });

  const watching = watchSentinels(options, ({ name: master, addresses }) => {
    // Sentinels hear of it one after the other, and one that has not yet may have led back to the old master.
    if (!usable || leaving || addresses.includes(peerOf(client))) return;
    log.info({ endpoint, master }, 'the sentinels name another master of Redis');
    leaving = true;
    failure = new UnstaleError('UNSTALE_REDIS_UNREACHABLE', `Redis ${endpoint} is changing to ${master}`);
    client.disconnect(true);
  });

  const command = async <T>(send: () => Promise<T>, effect: Effect = 'write'): Promise<T> => {
    if (!usable) throw failure;
    if (effect === 'write') replicaWait.wrote();
    return send();
  };
  const { waitReplicas = 0, commandTimeout } = options;
  const replicaWait = createReplicaWait({
    replicas: waitReplicas,
    commandTimeout,
    wait: (replicas, timeoutMs) => command(() => client.wait(replicas, timeoutMs), 'read'),
  });

  const ping = async (): Promise<UnstaleError | undefined> => {
    const problem = await command(() => client.ping(), 'read').then(() => undefined, classifyRedisError);
    // A user without the right to PING got an answer all the same.
    return usable && problem?.code === 'UNSTALE_REDIS_PERMISSION' ? undefined : problem;
  };

  const changeWithin = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waiters.delete(done);
        resolve();
      };
      const timer = setTimeout(done, ms);
      waiters.add(done);
    });

  const info = async (): Promise<RedisServerInfo | undefined> => {
    try {
      return parseServerInfo(await command(() => client.info(), 'read'));
    } catch (error) {
      const problem = classifyRedisError(error);
      if (isErrorReply(error) && problem.code === 'UNSTALE_REDIS_PERMISSION') return undefined;
      throw problem;
    }
  };

  /** Asks until there is an answer: a change that is not noticed now is never noticed. */
  const observe = async (session: number): Promise<void> => {
    const isCurrent = (): boolean => usable && session === sessions;
    while (isCurrent()) {
      const found = await info().then(
        (answer) => ({ answer }),
        () => undefined,
      );
      if (found !== undefined && isCurrent()) {
        watch.observe(name, found.answer);
        // It may be promoted in this session, before any command finds out that it was a replica.
        looked = found.answer?.role !== 'slave';
        if (looked) return;
      }
      await changeWithin(OBSERVE_RETRY);
    }
  };

  const connection: RedisNode = {
    ...createCommands(client, command),
    name,
    isReachable: () => usable,
    sessions: () => sessions,
    async checkReady(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const problem = await ping();
        if (problem === undefined) return;
        const left = deadline - performance.now();
        if (problem.policy.directive !== 'retry' || left <= 0 || closing) throw problem;
        await changeWithin(Math.min(left, READY_POLL));
      }
    },
    async probe(sample) {
      // It has no place in a transaction, and changes nothing anyway.
      if (waitReplicas > 0) await command(() => client.wait(0, 0), 'read').catch(rethrowClassified);
      await probeSentinels(options);
      return probeRights(options, sample, { inCluster: membership !== undefined });
    },
    info,
    async settle(since = sessions) {
      if (waitReplicas === 0) return;
      if (since !== sessions) throw lostTrack();
      await replicaWait.settle();
      if (since !== sessions) throw lostTrack();
    },
    isKnown: () => usable && looked,
    identity: async () => formatIdentity(await info()),
    onDatasetChange: (listener) => watch.onChange(listener),
    lookAgain: () => {
      looked = false;
      void observe(sessions);
    },
    nodes: () => [connection],
    slots: async () => ALL_SLOTS,
    async close() {
      closing = true;
      usable = false;
      failure = new UnstaleError(
        'UNSTALE_REDIS_UNREACHABLE',
        `the connection to Redis ${endpoint} is closed`,
      );
      clearTimeout(retryTimer);
      watching.stop();
      // Between two attempts there is nothing to end, and no event would follow.
      const idle = client.status === 'end' || client.status === 'reconnecting';
      const ended = idle ? undefined : new Promise((resolve) => client.once('end', resolve));
      client.disconnect();
      await ended;
    },
  };
  return connection;
}

function rethrowClassified(error: unknown): never {
  throw classifyRedisError(error);
}

/** `host:port` at the other end of the session. */
function peerOf({ stream }: ReturnType<typeof createClient>): string {
  const { remoteAddress = '', remotePort } = stream;
  return `${remoteAddress.replace(/^::ffff:/, '')}:${remotePort}`;
}
