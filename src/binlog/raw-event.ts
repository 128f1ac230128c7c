/** One binlog event as it lies in a packet. `start` is the index of its header's first byte. */
export interface RawEvent {
  readonly buffer: Buffer;
  readonly start: number;
  readonly end: number;
}
