import { expect, test } from 'vitest';

import { readSlots } from './cluster-slots.ts';

test('reads what a node serves, and which nodes its slots are moving to, from what it says of itself', () => {
  const text = [
    'a1 10.0.0.1:6379@16379 myself,master - 0 0 1 connected 0-2 7 [7->-c3] [9-<-b2]',
    'b2 10.0.0.2:6379@16379,cache.example master - 0 1 2 connected 3-6 9 [1->-a1]',
    'c3 :6380@16380 master - 0 1 0 connected',
  ].join('\n');
  expect(readSlots(text, '10.0.0.1')).toEqual({
    serves: new Set([0, 1, 2, 7]),
    moving: true,
    receivers: [{ host: '10.0.0.1', port: 6380 }],
  });
});

test('a node without slots serves none, and nothing moves there', () => {
  const text = 'a1 [::1]:6379@16379 myself,master - 0 0 1 connected\n';
  expect(readSlots(text, '::1')).toEqual({ serves: new Set(), moving: false, receivers: [] });
});
