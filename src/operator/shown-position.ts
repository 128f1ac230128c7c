import type { SourcePosition } from '../change/position.ts';

/** A position as operators see it, in JSON. */
export interface ShownPosition {
  readonly server: string;
  readonly epoch: number;
  readonly file: string;
  readonly offset: number;
  readonly gtid_set: string | null;
}

export function shown({ serverUuid, epoch, file, offset, gtidSet }: SourcePosition): ShownPosition {
  return { server: serverUuid, epoch, file, offset, gtid_set: gtidSet ?? null };
}

export function shownIfAny(position: SourcePosition | undefined): ShownPosition | null {
  return position === undefined ? null : shown(position);
}
