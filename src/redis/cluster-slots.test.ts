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

test.each([
  [
    'hostnames',
    'a.example',
    [
      { host: 'b.example', port: 6380 },
      { host: 'a.example', port: 6381 },
    ],
  ],
  [
    'addresses',
    '10.0.0.1',
    [
      { host: '10.0.0.2', port: 6380 },
      { host: '10.0.0.3', port: 6381 },
    ],
  ],
  [
    'neither',
    'proxy.example',
    [
      { host: 'proxy.example', port: 6380 },
      { host: 'proxy.example', port: 6381 },
    ],
  ],
])('where nodes are known by %s, so are those that slots are moving to', (_, asked, receivers) => {
  const text = [
    'b2 10.0.0.2:6380@16379,b.example,shard-id=x master - 0 1 2 connected 3-6',
    'c3 10.0.0.3:6381@16379 master - 0 1 0 connected',
    'a1 10.0.0.1:6379@16379,a.example myself,master - 0 0 1 connected 0-2 [1->-b2] [2->-c3]',
  ].join('\n');
  expect(readSlots(text, asked)).toMatchObject({ moving: true, receivers });
});
