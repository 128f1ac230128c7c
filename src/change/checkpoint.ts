import type { SourcePosition } from './position.ts';

/** What is stored of a daemon's progress. `savedAt` is in ms since the epoch. */
export interface Checkpoint {
  readonly clientId: string;
  readonly position: SourcePosition;
  readonly mappingHash: string;
  readonly fencingToken: number;
  readonly savedAt: number;
}
