import type { CommitMark } from '../../change/source-event.ts';
import type { Visibility } from '../../pipeline/ports.ts';

/** How one server is asked. It may reject with UnstaleError. */
export interface ServerBarrier {
  pass(marks: readonly CommitMark[], signal: AbortSignal): Promise<Visibility>;
  /** What the server told counts no longer. */
  forget(): void;
}
