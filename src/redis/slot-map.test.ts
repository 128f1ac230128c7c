import { expect, test } from 'vitest';

import { redirectionOf, SlotMap } from './slot-map.ts';

const reply = [
  [0, 5460, [Buffer.from('10.0.0.1'), 7000, Buffer.from('id-1'), []], ['10.0.0.4', 7000, 'id-4', []]],
  [5461, 10_922, ['', 7001, 'id-2', []]],
  [10_923, 16_382, ['10.0.0.1', 7000, 'id-1', []]],
];

test('says who owns a slot, and how many nobody serves', () => {
  const map = SlotMap.read(reply, 'asked');
  expect(map?.ownerOf(0)).toBe('10.0.0.1:7000');
  expect(map?.ownerOf(5461)).toBe('asked:7001');
  expect(map?.ownerOf(16_382)).toBe('10.0.0.1:7000');
  expect(map?.ownerOf(16_383)).toBeUndefined();
  expect(map?.unserved).toBe(1);
  expect([...(map?.masters.keys() ?? [])]).toEqual(['10.0.0.1:7000', 'asked:7001']);
});

test('differs from a map in which one slot is elsewhere', () => {
  const map = SlotMap.read(reply, 'asked')!;
  expect(map.equals(SlotMap.read(reply, 'asked')!)).toBe(true);
  const moved = map.with(new Map([[7, { host: 'new', port: 1 }]]));
  expect(moved.ownerOf(7)).toBe('new:1');
  expect(moved.masters.get('new:1')).toEqual({ host: 'new', port: 1 });
  expect(map.equals(moved)).toBe(false);
});

test.each([[null], [[]], ['x'], [[[0, 1]]], [[['a', 1, ['h', 1]]]]])('reads nothing from %j', (value) => {
  expect(SlotMap.read(value, 'asked')).toBeUndefined();
});

test('reads redirections, also to IPv6 addresses and to a port of the asked node', () => {
  expect(redirectionOf('MOVED 866 10.0.0.7:6379', 'h')).toEqual({
    kind: 'MOVED',
    slot: 866,
    place: { host: '10.0.0.7', port: 6379 },
  });
  expect(redirectionOf('ASK 1 fe80::1:6379', 'h')?.place).toEqual({ host: 'fe80::1', port: 6379 });
  expect(redirectionOf('MOVED 1 :6380', 'h')?.place).toEqual({ host: 'h', port: 6380 });
  expect(redirectionOf('TRYAGAIN Multiple keys request', 'h')).toBeUndefined();
});
