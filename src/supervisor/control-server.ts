import { chmodSync, rmSync, statSync } from 'node:fs';
import { createServer } from 'node:net';
import type { Server, Socket } from 'node:net';
import { once } from 'node:events';
import { asUnstaleError } from '../errors/unstale-error.ts';
import { formatLine, LONGEST_REQUEST, parseRequest } from './control-protocol.ts';
import type { ControlReply, ControlRequest } from './control-protocol.ts';
import { LineSplitter } from './line-splitter.ts';

export type ControlHandler = (request: ControlRequest, progress: (line: string) => void) => Promise<unknown>;

const MOST_CONNECTIONS = 32;
/** For the request, ms. */
const PATIENCE = 10_000;

/** The supervisor's socket in the file system, for its own user only. */
export class ControlServer {
  readonly #path: string;
  readonly #handle: ControlHandler;
  readonly #sockets = new Set<Socket>();
  #server: Server | undefined;
  #inode: number | undefined;

  constructor(path: string, handle: ControlHandler) {
    this.#path = path;
    this.#handle = handle;
  }

  /**
   * Begins to listen, or again where somebody has removed the socket. To be called by the holder of the pid file: what is there
   * already is left by a process that is gone.
   * @throws Error of the system
   */
  async listen(): Promise<void> {
    if (this.#server !== undefined && inodeOf(this.#path) === this.#inode) return;
    this.#server?.close();
    rmSync(this.#path, { force: true });
    const server = createServer((socket) => this.#serve(socket));
    server.maxConnections = MOST_CONNECTIONS;
    // It must never be there with wider rights, not even for a moment.
    const before = process.umask(0o177);
    try {
      server.listen(this.#path);
    } finally {
      process.umask(before);
    }
    await once(server, 'listening');
    chmodSync(this.#path, 0o600);
    this.#server = server;
    this.#inode = inodeOf(this.#path);
  }

  /** Resolves when who was asked has been answered. Removes the socket. */
  async close(): Promise<void> {
    const server = this.#server;
    if (server === undefined) return;
    const closed = once(server, 'close');
    server.close();
    // Node.js removes the socket as it closes; one of another server must stay.
    const timer = setTimeout(() => {
      for (const socket of this.#sockets) socket.destroy();
    }, 1000);
    await closed;
    clearTimeout(timer);
  }

  #serve(socket: Socket): void {
    this.#sockets.add(socket);
    socket.once('close', () => this.#sockets.delete(socket));
    // Who has asked may go without waiting for the answer.
    socket.on('error', () => socket.destroy());
    socket.setTimeout(PATIENCE, () => socket.destroy());
    let asked = false;
    const splitter = new LineSplitter((line) => {
      if (asked) return;
      asked = true;
      socket.setTimeout(0);
      void this.#answer(socket, line);
    }, LONGEST_REQUEST);
    socket.on('data', (chunk: Buffer) => splitter.push(chunk));
  }

  async #answer(socket: Socket, line: string): Promise<void> {
    const send = (reply: ControlReply): void => {
      if (socket.writable) socket.write(formatLine(reply));
    };
    try {
      const request = parseRequest(line);
      if (request === undefined) {
        send({ error: { code: 'UNSTALE_USAGE', message: 'this supervisor does not know such a request' } });
      } else {
        send({ result: await this.#handle(request, (text) => send({ progress: text })) });
      }
    } catch (thrown) {
      const { code, message } = asUnstaleError(thrown);
      send({ error: { code, message } });
    }
    socket.end();
  }
}

function inodeOf(path: string): number | undefined {
  return statSync(path, { throwIfNoEntry: false })?.ino;
}
