import { describe, expect, expectTypeOf, it } from 'vitest';
import { fillCall, leaseRequest, releaseCall } from './lease.ts';
import type { Filling, Lease } from './lease.ts';

const filling: Filling = { value: 'a', ttlMs: 1_000, version: undefined, source: 'primary', tombstoneMs: 0 };

/** As Redis grants it. */
function leaseOn(key: string, gtid = ''): Lease {
  const answer = leaseRequest(key, { leaseMs: 1_000 }).read(['lease', 0, gtid, '']);
  if (answer.kind !== 'lease') throw new Error(answer.kind);
  return answer.lease;
}

describe('a lease', () => {
  it('is used once: by a fill, or by a release', () => {
    const [first, second] = [leaseOn('a'), leaseOn('a')];
    fillCall(first, filling);
    releaseCall(second);
    for (const lease of [first, second]) {
      expect(() => fillCall(lease, filling)).toThrow(
        expect.objectContaining({ code: 'UNSTALE_READER_LEASE_SPENT' }),
      );
      expect(() => releaseCall(lease)).toThrow(
        expect.objectContaining({ code: 'UNSTALE_READER_LEASE_SPENT' }),
      );
    }
  });

  it('fills the key that it was given for, with the token that Redis knows', () => {
    const request = leaseRequest('user:1', { leaseMs: 1_000 });
    const answer = request.read(['lease', 0, '', '']);
    if (answer.kind !== 'lease') throw new Error(answer.kind);
    const call = fillCall(answer.lease, filling);
    expect(call.keys).toEqual(['user:1', 'unstale:{user:1}']);
    expect(call.args[0]).toBe(request.args[0]);
    expect(request.args[0]).toMatch(/^[\da-f]{32}$/);
  });

  it('without a GTID lets no replica pass for one that has caught up', () => {
    const source = 'caught-up';
    expect(fillCall(leaseOn('a'), { ...filling, source }).args[4]).toBe('replica');
    expect(fillCall(leaseOn('a', '0-1-5'), { ...filling, source }).args[4]).toBe('caught-up');
  });

  it('is released by a fill that is refused whatever is known of the key', () => {
    const { args } = releaseCall(leaseOn('a', '0-1-5'));
    expect([args[3], args[4]]).toEqual(['', 'replica']);
  });

  it('cannot be made of anything else, and without one there is no fill', () => {
    expectTypeOf<Parameters<typeof fillCall>[0]>().toEqualTypeOf<Lease>();
    const forged = { key: 'a', holdMs: 0, gtid: '', floor: '' };
    // @ts-expect-error the same properties do not make a lease
    expect(() => fillCall(forged, filling)).toThrow(TypeError);
    // @ts-expect-error nor does an object with a token
    expect(() => fillCall({ ...forged, token: 'x' }, filling)).toThrow(TypeError);
    // @ts-expect-error a fill needs one
    expect(() => fillCall(undefined, filling)).toThrow(TypeError);
  });
});
