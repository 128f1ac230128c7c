import { describe, expect, it } from 'vitest';
import { commitTimestamp, isUnknownEvent } from './raw-event.ts';

function event(type: number, body: Buffer, flags = 0): { buffer: Buffer; start: number; end: number } {
  const header = Buffer.alloc(19);
  header[4] = type;
  header.writeUInt16LE(flags, 17);
  const buffer = Buffer.concat([Buffer.from([0]), header, body]);
  return { buffer, start: 1, end: buffer.length };
}

describe('the header of a binlog event', () => {
  it('counts a type that nothing reads as unknown unless the server marks it as ignorable', () => {
    expect(isUnknownEvent(event(99, Buffer.alloc(0)))).toBe(true);
    expect(isUnknownEvent(event(99, Buffer.alloc(0), 0x80))).toBe(false);
    expect(isUnknownEvent(event(30, Buffer.alloc(0)))).toBe(false);
  });

  it('gives the commit time of a GTID event in ms, with and without the original time behind it', () => {
    const body = Buffer.alloc(42 + 7 + 7);
    const micros = 1_790_000_000_123_456;
    body.writeUIntLE(micros % 2 ** 48, 42, 6);
    body[48] = Math.floor(micros / 2 ** 48);
    expect(commitTimestamp(event(33, body))).toBe(micros / 1000);
    body[48] |= 0x80;
    expect(commitTimestamp(event(33, body))).toBe(micros / 1000);
    expect(commitTimestamp(event(33, Buffer.alloc(42)))).toBeUndefined();
  });
});
