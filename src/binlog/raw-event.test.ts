import { describe, expect, it } from 'vitest';
import { classifyEvent } from './raw-event.ts';
import type { RawEvent } from './raw-event.ts';

function event(type: number, flags = 0): RawEvent {
  const header = Buffer.alloc(19);
  header[4] = type;
  header.writeUInt16LE(flags, 17);
  return { buffer: Buffer.concat([Buffer.from([0]), header]), start: 1, end: 20 };
}

describe('an event that the decoder leaves alone', () => {
  it('is unknown when nothing reads its type, unless the server marks it as ignorable', () => {
    expect(classifyEvent(event(99))).toBe('unknown');
    expect(classifyEvent(event(99, 0x80))).toBe('readable');
    expect(classifyEvent(event(4))).toBe('readable');
  });

  it('leaves us blind when it is an INCIDENT or a LOAD DATA in statement format', () => {
    expect(classifyEvent(event(26))).toBe('blind');
    expect(classifyEvent(event(18))).toBe('blind');
  });

  it('is named when it is a compressed transaction, even if it were marked as ignorable', () => {
    expect(classifyEvent(event(40, 0x80))).toBe('compressed-transaction');
  });
});
