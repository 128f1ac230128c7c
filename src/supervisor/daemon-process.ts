import { spawn } from 'node:child_process';
import type { ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import { isDaemonMessage } from '../runtime/supervised-messages.ts';
import type { DaemonMessage, EndedMessage, SupervisorMessage } from '../runtime/supervised-messages.ts';
import { sleep } from '../runtime/sleep.ts';
import { LineSplitter } from './line-splitter.ts';

/** How a daemon is started. */
export interface DaemonCommand {
  readonly program: string;
  readonly args: readonly string[];
  readonly cwd: string;
  readonly environment: NodeJS.ProcessEnv;
}

export interface ProcessEnd {
  readonly exitCode: number | null;
  readonly signal: NodeJS.Signals | null;
  /** It could not be started. */
  readonly spawnError?: Error;
  /** What it said of the reason. */
  readonly message?: EndedMessage;
}

export interface DaemonProcessEvents {
  readonly onLine: (line: string) => void;
  readonly onReady: (message: Extract<DaemonMessage, { type: 'ready' }>) => void;
}

/** After its end, what it wrote and sent arrives at once, unless a process of its own holds the pipes open, ms. */
const LAST_WORDS = 1000;

/** One process of a daemon, from its start to its end. */
export class DaemonProcess {
  readonly startedAt = performance.now();
  /** Settles when it has ended and its last words are read. */
  readonly ended: Promise<ProcessEnd>;
  readonly #child: ChildProcess;
  readonly #answers = new Map<number, (answer: object) => void>();
  #nextId = 1;
  #heardAt = performance.now();
  #endedMessage: EndedMessage | undefined;

  /** @throws Error when the system refuses another process at once */
  constructor({ program, args, cwd, environment }: DaemonCommand, events: DaemonProcessEvents) {
    // In a group of its own, so that Ctrl-C in a terminal is the supervisor's to answer.
    this.#child = spawn(program, [...args], {
      cwd,
      env: environment,
      stdio: ['ignore', 'pipe', 'pipe', 'ipc'],
      detached: true,
    });
    for (const stream of [this.#child.stdout, this.#child.stderr]) {
      const splitter = new LineSplitter(events.onLine);
      stream?.on('data', (chunk: Buffer) => splitter.push(chunk)).once('close', () => splitter.end());
    }
    this.#child.on('message', (message) => {
      this.#heardAt = performance.now();
      if (isDaemonMessage(message)) this.#receive(message, events);
    });
    this.ended = this.#end();
  }

  /** Undefined if it could not be started. */
  get pid(): number | undefined {
    return this.#child.pid;
  }

  /** Since it last said anything, ms. */
  get silence(): number {
    return performance.now() - this.#heardAt;
  }

  /** This process could not hear it for a while. */
  forgive(): void {
    this.#heardAt = performance.now();
  }

  ping(): void {
    this.#send({ type: 'ping' });
  }

  /** Undefined when it does not answer in time. @param patience ms */
  status(patience: number): Promise<object | undefined> {
    return this.#ask((id) => ({ type: 'status', id }), patience);
  }

  /** Undefined when it does not answer in time: it goes on with it. @param patience ms */
  reload(invalidate: boolean | undefined, patience: number): Promise<object | undefined> {
    return this.#ask(
      (id) => ({ type: 'reload', id, ...(invalidate === undefined ? {} : { invalidate }) }),
      patience,
    );
  }

  terminate(): void {
    this.#child.kill('SIGTERM');
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }

  #receive(message: DaemonMessage, events: DaemonProcessEvents): void {
    switch (message.type) {
      case 'pong':
        return;
      case 'ready':
        events.onReady(message);
        return;
      case 'ended':
        this.#endedMessage = message;
        return;
      case 'status':
        this.#answers.get(message.id)?.(message.status);
        return;
      case 'reloaded':
        this.#answers.get(message.id)?.(message.outcome);
    }
  }

  async #ask(question: (id: number) => SupervisorMessage, patience: number): Promise<object | undefined> {
    const id = this.#nextId;
    this.#nextId += 1;
    const { promise, resolve } = Promise.withResolvers<object | undefined>();
    this.#answers.set(id, resolve);
    const timer = setTimeout(() => resolve(undefined), patience);
    void this.ended.then(() => resolve(undefined));
    this.#send(question(id));
    try {
      return await promise;
    } finally {
      clearTimeout(timer);
      this.#answers.delete(id);
    }
  }

  #send(message: SupervisorMessage): void {
    // One that has just ended is noticed by its end.
    if (this.#child.connected) this.#child.send(message, () => undefined);
  }

  async #end(): Promise<ProcessEnd> {
    const disconnected = once(this.#child, 'disconnect');
    const closed = once(this.#child, 'close');
    for (const promise of [disconnected, closed]) promise.catch(() => undefined);
    let end: Omit<ProcessEnd, 'message'>;
    try {
      const exit: [number | null, NodeJS.Signals | null] = await once(this.#child, 'exit').then(
        ([code, signal]) => [code, signal],
      );
      end = { exitCode: exit[0], signal: exit[1] };
      await Promise.race([Promise.all([disconnected, closed]), sleep(LAST_WORDS)]);
    } catch (error) {
      end = {
        exitCode: null,
        signal: null,
        spawnError: error instanceof Error ? error : new Error(String(error)),
      };
    }
    return { ...end, ...(this.#endedMessage === undefined ? {} : { message: this.#endedMessage }) };
  }
}
