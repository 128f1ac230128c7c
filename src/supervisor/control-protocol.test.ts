import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { formatLine, parseReply, parseRequest } from './control-protocol.ts';
import type { ControlReply, ControlRequest } from './control-protocol.ts';

const time = fc.nat(2 ** 31 - 1);
const names = fc.array(fc.string());
const requests = fc.oneof<fc.Arbitrary<ControlRequest>[]>(
  fc.record({ type: fc.constant('status' as const) }),
  fc.record({ type: fc.constant('settled' as const), timeout: time }),
  fc.record({ type: fc.constant('stop' as const), timeout: time }, { requiredKeys: ['type'] }),
  fc.record({ type: fc.constant('restart' as const), daemons: names }),
  fc.record(
    { type: fc.constant('reload' as const), daemons: names, invalidate: fc.boolean() },
    { requiredKeys: ['type', 'daemons'] },
  ),
);
const replies = fc.oneof<fc.Arbitrary<ControlReply>[]>(
  fc.record({ progress: fc.string() }),
  fc.record({ result: fc.jsonValue() }),
  fc.record({ error: fc.record({ code: fc.string(), message: fc.string() }) }),
);

describe('the control protocol', () => {
  it('has each message in one line, and reads it back', () => {
    fc.assert(
      fc.property(requests, replies, (request, reply) => {
        const [asked, answered] = [formatLine(request), formatLine(reply)];
        expect(asked.indexOf('\n')).toBe(asked.length - 1);
        expect(answered.indexOf('\n')).toBe(answered.length - 1);
        expect(parseRequest(asked)).toEqual(JSON.parse(JSON.stringify(request)));
        expect(parseReply(answered)).toEqual(JSON.parse(JSON.stringify(reply)));
      }),
    );
  });

  it('takes no other line for a message, and never throws', () => {
    fc.assert(
      fc.property(fc.oneof(fc.string(), fc.json()), (line) => {
        expect(parseRequest(line)).toBeUndefined();
        parseReply(line);
      }),
    );
    for (const line of [
      '{"type":"settled"}',
      '{"type":"restart"}',
      '{"type":"stop","timeout":-1}',
      '{"type":"exec"}',
    ])
      expect(parseRequest(line), line).toBeUndefined();
  });
});
