import { once } from 'node:events';
import { connect, createServer } from 'node:net';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';

import { freePort } from '../../scripts/servers/free-port.ts';

/** A network path that fails on demand, between a client and a server on this machine. */
export interface TcpProxy {
  readonly host: '127.0.0.1';
  readonly port: number;
  /** Open client connections. */
  readonly connections: number;
  /** Client connections since the start, without those that were refused. */
  readonly accepted: number;
  readonly refused: number;
  /**
   * Half-open: sockets stay open, new ones are accepted, bytes are taken in (up to 1 MiB a direction, as a
   * kernel's buffers would) and nothing is forwarded, neither bytes nor the end of a connection.
   */
  freeze(): void;
  /** Forwards again, first what a freeze held back; ends `dropReplies` and `delay` too. */
  thaw(): void;
  /** Resets all open connections (RST); new ones work. */
  cut(): void;
  /** Forwards requests and swallows replies, until thaw. A swallowed reply is lost: cut before the thaw. */
  dropReplies(): void;
  /** As if nothing listened: resets all connections, and every new one at once, until thaw. */
  refuse(): void;
  /** Holds every byte back for so long, in both directions. */
  delay(milliseconds: number): void;
  /** Leads new connections to another server, and resets all open ones. */
  redirect(target: TcpProxyTarget): void;
  close(): Promise<void>;
}

export interface TcpProxyTarget {
  readonly host?: string;
  readonly port: number;
}

interface Mode {
  refusing: boolean;
  dropReplies: boolean;
  delayMs: number;
  /** Resolves when the proxy forwards; pending while frozen. */
  flowing: Promise<void>;
}

const bufferLimit = 1024 * 1024;

export async function startTcpProxy(first: TcpProxyTarget): Promise<TcpProxy> {
  let target = first;
  const mode: Mode = { refusing: false, dropReplies: false, delayMs: 0, flowing: Promise.resolve() };
  const pairs = new Set<readonly [Socket, Socket]>();
  let accepted = 0;
  let refused = 0;
  let release = (): void => undefined;

  const server = createServer({ allowHalfOpen: true, noDelay: true }, (client) => {
    if (mode.refusing) {
      refused += 1;
      client.resetAndDestroy();
      return;
    }
    accepted += 1;
    const upstream = connect({
      host: target.host ?? '127.0.0.1',
      port: target.port,
      allowHalfOpen: true,
      noDelay: true,
    });
    const pair = [client, upstream] as const;
    pairs.add(pair);
    client.once('close', () => pairs.delete(pair));
    forward(client, upstream, mode, () => false);
    forward(upstream, client, mode, () => mode.dropReplies);
  });
  const port = await freePort();
  server.listen(port, '127.0.0.1');
  await once(server, 'listening');

  const thaw = (): void => {
    mode.refusing = false;
    mode.dropReplies = false;
    mode.delayMs = 0;
    release();
  };
  const cut = (): void => {
    for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy();
    pairs.clear();
  };

  return {
    host: '127.0.0.1',
    port,
    get connections() {
      return pairs.size;
    },
    get accepted() {
      return accepted;
    },
    get refused() {
      return refused;
    },
    freeze: () => {
      release();
      mode.flowing = new Promise((resolve) => (release = resolve));
    },
    thaw,
    cut,
    dropReplies: () => {
      mode.dropReplies = true;
    },
    refuse: () => {
      mode.refusing = true;
      cut();
    },
    redirect: (other) => {
      target = other;
      cut();
    },
    delay: (milliseconds) => {
      mode.delayMs = milliseconds;
    },
    close: async () => {
      const closed = once(server, 'close');
      server.close();
      cut();
      thaw();
      await closed;
    },
  };
}

/** Copies one direction, in order, under the mode of each moment. */
function forward(from: Socket, to: Socket, mode: Mode, swallow: () => boolean): void {
  let queue = Promise.resolve();
  let queuedBytes = 0;

  const enqueue = (step: () => Promise<void> | void): void => {
    const due = performance.now() + mode.delayMs;
    queue = afterwards(queue, async () => {
      await mode.flowing;
      const wait = due - performance.now();
      if (wait > 0) await sleep(wait);
      await step();
    });
  };

  from.on('data', (chunk) => {
    queuedBytes += chunk.length;
    if (queuedBytes > bufferLimit) from.pause();
    enqueue(async () => {
      if (!swallow() && to.writable && !to.write(chunk)) await writableAgain(to);
      queuedBytes -= chunk.length;
      if (queuedBytes <= bufferLimit && !from.destroyed) from.resume();
    });
  });
  from.once('end', () => enqueue(() => void to.end()));
  // A reset goes on as a reset, when the path is open.
  from.once('error', () => enqueue(() => void to.resetAndDestroy()));
  from.once('close', () => enqueue(() => to.destroySoon()));
}

async function afterwards(previous: Promise<void>, step: () => Promise<void>): Promise<void> {
  await previous;
  await step();
}

async function writableAgain(socket: Socket): Promise<void> {
  await new Promise<void>((resolve) => {
    const done = (): void => {
      socket.off('drain', done).off('close', done);
      resolve();
    };
    socket.on('drain', done).on('close', done);
  });
}
