import type { SourcePosition } from '../change/position.ts';
import type { Config } from '../config/config.ts';
import { UnstaleError } from '../errors/unstale-error.ts';
import type { OpenStream } from '../pipeline/mapped-stream.ts';
import type { Pipeline } from '../pipeline/pipeline.ts';
import type { Log, RetryDelay, StartPoint } from '../pipeline/ports.ts';
import { openStream } from '../stream.ts';
import type { Stream } from '../stream.ts';

export interface StreamHolderOptions {
  readonly config: Config;
  readonly createStream: (config: Config) => Stream;
  readonly retryDelay: RetryDelay;
  readonly log: Log;
  /** A stream was replaced. */
  readonly onRetired: (stream: Stream) => void;
}

/** The stream that is read now, and how another one takes over from it. */
export class StreamHolder {
  readonly #options: StreamHolderOptions;
  #current: Stream;
  /** Where the first stream began; later ones begin where the pipeline has read to. */
  #began: SourcePosition | undefined;
  #lastSwitch: Promise<unknown> = Promise.resolve();

  constructor(options: StreamHolderOptions) {
    this.#options = options;
    this.#current = options.createStream(options.config);
  }

  get current(): Stream {
    return this.#current;
  }

  /** Opens the first stream; resolves with where it begins. @throws UnstaleError, see `ChangeSource.open` */
  async open(start: StartPoint, signal: AbortSignal): Promise<SourcePosition> {
    this.#began = await this.#current.source.open(start, signal);
    return this.#began;
  }

  /** A reload and the repetition after a failover may come together: one after the other. */
  switchTo(pipeline: Pipeline, open: OpenStream): Promise<boolean> {
    const turn = this.#lastSwitch.then(() => pipeline.switchTo(open));
    this.#lastSwitch = turn.catch(() => undefined);
    return turn;
  }

  /** Opens a stream in place of the present one; resolves with where it begins. */
  async replace(config: Config, start: StartPoint, signal: AbortSignal): Promise<SourcePosition> {
    const { createStream, onRetired } = this.#options;
    const next = createStream(config);
    const from = await openStream(next, start, { ...this.#options, signal });
    onRetired(this.#current);
    this.#current = next;
    return from;
  }

  /** The same, behind what the pipeline has read. */
  async goOn(config: Config, after: SourcePosition | undefined, signal: AbortSignal): Promise<void> {
    const position = after ?? this.#began;
    if (position === undefined) throw new UnstaleError('UNSTALE_INTERNAL', 'reloaded before the start');
    await this.replace(config, { from: 'checkpoint', position }, signal);
  }
}
