import { describe, expect, it } from 'vitest';
import { commandIdentity, requestIdentity } from './command.ts';

describe('identities', () => {
  it('of lookup requests differ by lookup, value and type', () => {
    const requests = [
      { lookup: 0, parameters: [1] },
      { lookup: 1, parameters: [1] },
      { lookup: 0, parameters: ['1'] },
      { lookup: 0, parameters: [null] },
      { lookup: 0, parameters: [Uint8Array.of(1)] },
      { lookup: 0, parameters: ['1', '1'] },
    ];
    expect(new Set(requests.map(requestIdentity)).size).toBe(requests.length);
    expect(requestIdentity({ lookup: 0, parameters: [Uint8Array.of(1, 2)] })).toBe(
      requestIdentity({ lookup: 0, parameters: [Buffer.of(1, 2)] }),
    );
  });

  it('of commands differ by what is done to what, not by who wants it', () => {
    const scope = { kind: 'scope', pattern: 'a', reason: 'ddl', rule: 'rules[0]' } as const;
    const commands = [
      { kind: 'delete', key: 'a', rule: 'rules[0]' },
      { kind: 'set-keys', key: 'a', rule: 'rules[0]' },
      { kind: 'generation', key: 'a', rule: 'rules[0]' },
      { ...scope, members: false },
      { ...scope, members: true },
    ] as const;
    expect(new Set(commands.map(commandIdentity)).size).toBe(commands.length);
    expect(commandIdentity({ kind: 'delete', key: 'a', rule: 'rules[1]' })).toBe(
      commandIdentity(commands[0]),
    );
  });
});
