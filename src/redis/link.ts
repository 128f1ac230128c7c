import type { Redis } from 'ioredis';

import { UnstaleError } from '../errors/unstale-error.ts';
import type { Log } from '../pipeline/ports.ts';
import { createClient, endpointOf } from './client.ts';
import type { ServerOptions } from './client.ts';
import { classifyRedisError, isErrorReply } from './replies.ts';

/**
 * A connection to one server at a time that is made anew, for ever, when it is lost. Each session has a client of its
 * own, so that no command can slip from one into the next.
 */
export interface Link {
  /** Sends commands on the session that is there; rejects at once, with the reason, if none is. */
  command<T>(send: (client: Redis) => Promise<T>): Promise<T>;
  isReachable(): boolean;
  /** How many sessions there were; while it stays, all commands go to the same process. */
  sessions(): number;
  /** How many commands, or pipelines of them, were handed over. */
  sent(): number;
  /** Where the session that is there goes to, or the last one went to; undefined before the first. */
  server(): ServerOptions | undefined;
  /**
   * Waits until the server answers commands, for `timeoutMs` at most and the time of one command.
   * @throws UnstaleError with the reason: at once if it is fatal, else after the time.
   */
  checkReady(timeoutMs: number): Promise<void>;
  /** Resolves when something changed about the session, after `ms` at most. */
  changeWithin(ms: number): Promise<void>;
  /** Ends the session, for this reason, and connects anew. No news for the log. */
  renew(reason: UnstaleError): void;
  /** Ends the connection; open commands fail. Safe to call twice. */
  close(): Promise<void>;
}

export interface LinkOptions {
  /** How people call what is at the other end, e.g. `cache:6379/0`. */
  readonly endpoint: string;
  /** Where to connect to, asked before each attempt. */
  readonly locate: () => Promise<ServerOptions>;
  /**
   * Judges a new session before it takes any command; rejects to end it. What it sends is all that was sent on it.
   */
  readonly admit?: (client: Redis, server: ServerOptions) => Promise<void>;
  /** Called when a session was lost, or could not be made. */
  readonly onFailure?: () => void;
  readonly log: Log;
}

/** First and longest wait before a reconnect, ms; the random half keeps clients from returning together. */
const RECONNECT_INITIAL = 50;
const RECONNECT_MAX = 2_000;
const READY_POLL = 100;

/** Starts connecting and returns at once; the log gets one line for every change of the connection's state. */
export function openLink(options: LinkOptions): Link {
  const { endpoint, locate, admit, onFailure, log } = options;
  let usable: Redis | undefined;
  // Also while it is being connected.
  let current: Redis | undefined;
  let server: ServerOptions | undefined;
  let sessions = 0;
  let sent = 0;
  let attempt = 0;
  let closing = false;
  // We end the session ourselves, e.g. to look for the new master; no news for the log.
  let renewing = false;
  let failure = unreachable(`not yet connected to Redis ${endpoint}`);
  let reported: string | undefined;
  let endPause = (): void => undefined;
  const waiters = new Set<() => void>();

  const changed = (): void => {
    for (const wake of waiters) wake();
    waiters.clear();
  };
  const reportLoss = (): void => {
    if (reported === failure.code) return;
    // A replica where the master was: who sends commands says so, as with any other refusal.
    if (reported === 'connected' && failure.code === 'UNSTALE_REDIS_READONLY') return;
    const message = reported === 'connected' ? 'lost the Redis connection' : 'cannot connect to Redis';
    reported = failure.code;
    log.warn({ endpoint, code: failure.code, reason: failure.message }, message);
  };
  const renew = (client: Redis | undefined, reason: UnstaleError): void => {
    if (client === undefined || client !== usable) return;
    renewing = true;
    failure = reason;
    usable = undefined;
    client.disconnect();
    changed();
  };

  /** One attempt, and the session that it leads to, up to its end. */
  const connect = async (): Promise<void> => {
    const target = await locate();
    if (closing) return;
    let problem: UnstaleError | undefined;
    const client = createClient(target, {
      lazyConnect: true,
      retryStrategy: null,
      // Only observed: ioredis' own reconnect would keep the client.
      reconnectOnError: (error) => {
        const refusal = classifyRedisError(error);
        // Only a new connection follows a DNS name or a proxy to the new master.
        if (refusal.code === 'UNSTALE_REDIS_READONLY') renew(client, refusal);
        return false;
      },
    });
    current = client;
    const ended = new Promise<void>((resolve) => client.once('end', resolve));
    client.on('error', (error) => {
      problem ??= connectionFailure(error, target);
      // What went wrong behind the connect leaves a session in an unknown state, e.g. in database 0.
      if (client.status === 'connect' || client.status === 'ready') client.disconnect();
      if (client === usable) {
        usable = undefined;
        failure = problem;
        changed();
      }
    });
    try {
      // What it rejects with names no reason; the event before it does.
      await client.connect();
      if (problem === undefined) await admit?.(client, target);
    } catch (error) {
      problem ??= connectionFailure(error, target);
    }
    if (problem === undefined && client.status === 'ready' && !closing) {
      usable = client;
      server = target;
      sessions += 1;
      attempt = 0;
      failure = unreachable(`Redis ${endpoint} closed the connection`);
      if (reported !== 'connected') log.info({ endpoint }, 'connected to Redis');
      reported = 'connected';
      changed();
    } else {
      client.disconnect();
    }
    await ended;
    if (client === usable) usable = undefined;
    throw problem ?? failure;
  };

  const nextDelay = (): number => {
    attempt += 1;
    const ceiling = Math.min(RECONNECT_MAX, RECONNECT_INITIAL * 2 ** Math.min(attempt - 1, 10));
    return ceiling / 2 + (Math.random() * ceiling) / 2;
  };
  const pause = (ms: number): Promise<void> =>
    new Promise((resolve) => {
      const timer = setTimeout(resolve, ms);
      endPause = () => {
        clearTimeout(timer);
        resolve();
      };
    });
  const isClosing = (): boolean => closing;
  const work = async (): Promise<void> => {
    for (;;) {
      try {
        await connect();
      } catch (error) {
        if (!closing) failure = classifyRedisError(error);
      }
      if (isClosing()) return;
      if (!renewing) reportLoss();
      renewing = false;
      changed();
      onFailure?.();
      await pause(nextDelay());
      if (isClosing()) return;
    }
  };
  const finished = work();

  const command = async <T>(send: (client: Redis) => Promise<T>): Promise<T> => {
    if (usable === undefined) throw failure;
    sent += 1;
    return send(usable);
  };
  const ping = async (): Promise<UnstaleError | undefined> => {
    const problem = await command((client) => client.ping()).then(() => undefined, classifyRedisError);
    // A user without the right to PING got an answer all the same.
    return usable !== undefined && problem?.code === 'UNSTALE_REDIS_PERMISSION' ? undefined : problem;
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

  return {
    command,
    isReachable: () => usable !== undefined,
    sessions: () => sessions,
    sent: () => sent,
    server: () => server,
    changeWithin,
    renew: (reason) => renew(usable, reason),
    async checkReady(timeoutMs) {
      const deadline = performance.now() + timeoutMs;
      for (;;) {
        const problem = await ping();
        if (problem === undefined) return;
        const left = deadline - performance.now();
        if (problem.policy.directive !== 'retry' || left <= 0) throw problem;
        await changeWithin(Math.min(left, READY_POLL));
      }
    },
    async close() {
      closing = true;
      usable = undefined;
      failure = unreachable(`the connection to Redis ${endpoint} is closed`);
      endPause();
      current?.disconnect();
      changed();
      await finished;
    },
  };
}

function unreachable(message: string): UnstaleError {
  return new UnstaleError('UNSTALE_REDIS_UNREACHABLE', message);
}

/** Why there is no connection. Nothing of it is about a command, so nothing of it may poison one. */
function connectionFailure(error: unknown, server: ServerOptions): UnstaleError {
  const classified = classifyRedisError(error);
  if (classified.policy.directive !== 'poisoned') return classified;
  if (isErrorReply(error) && commandName(error) === 'select') {
    return new UnstaleError('UNSTALE_CONFIG_INVALID', `redis database ${server.db}: ${classified.message}`);
  }
  return unreachable(`the handshake with Redis ${endpointOf(server)} failed: ${reasonOf(error)}`);
}

/** The TLS library and the parser explain themselves best; a reply is quoted as `classifyRedisError` does. */
function reasonOf(error: unknown): string {
  return error instanceof Error && !isErrorReply(error) ? error.message : classifyRedisError(error).message;
}

function commandName(error: unknown): unknown {
  if (!(error instanceof Error) || !('command' in error)) return undefined;
  const { command } = error;
  return typeof command === 'object' && command !== null && 'name' in command ? command.name : undefined;
}
