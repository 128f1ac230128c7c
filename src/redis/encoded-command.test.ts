import { Command } from 'ioredis';
import * as fc from 'fast-check';
import { expect, it } from 'vitest';
import { EncodedCommand } from './encoded-command.ts';

const argument = fc.oneof(
  fc.string({ maxLength: 60 }),
  fc.string({ unit: 'binary', maxLength: 60 }),
  fc.constantFrom('', 'é'.repeat(30), '\ud800', 'x'.repeat(1_000), '€'.repeat(200_000)),
  fc.uint8Array({ maxLength: 80 }).map((bytes) => Buffer.from(bytes)),
);

it('a command is the bytes that ioredis would send', () => {
  fc.assert(
    fc.property(fc.array(fc.array(argument, { maxLength: 20 }), { maxLength: 3 }), (lists) => {
      const plain = new Command('evalsha', lists.flat());
      plain.stringifyArguments();
      const wanted = Buffer.from(plain.toWritable({}));
      expect(new EncodedCommand('evalsha', ...lists).toWritable().equals(wanted)).toBe(true);
    }),
  );
});

it('a command keeps its bytes while others are made', () => {
  const first = new EncodedCommand('get', ['a']);
  const other = new EncodedCommand('get', ['b']);
  expect([first, other].map((command) => String(command.toWritable()))).toEqual([
    '*2\r\n$3\r\nget\r\n$1\r\na\r\n',
    '*2\r\n$3\r\nget\r\n$1\r\nb\r\n',
  ]);
});
