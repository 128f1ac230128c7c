import { describe, expect, it } from 'vitest';
import type { SqlClient } from '../../pipeline/ports.ts';
import type { BinlogEvent } from '../binlog-event.ts';
import type { ServerFacts } from '../server-facts.ts';
import { CascadeFollower } from './cascade-follower.ts';

const facts: ServerFacts = {
  flavour: 'mariadb',
  version: '10.11.0',
  serverUuid: 'mariadb-1',
  serverId: 1,
  gtidEnabled: true,
  logBin: true,
};
/** A server without any foreign key. */
const client: SqlClient = { query: () => Promise.resolve([]), close: () => Promise.resolve() };
const items = { table: { schema: 'shop', table: 'items' }, columns: ['order_id'] };

const statement = (text: string, nextOffset: number): BinlogEvent => ({
  kind: 'statement',
  schema: 'shop',
  text,
  timestamp: 1000,
  nextOffset,
});
const ADD = 'ALTER TABLE items ADD FOREIGN KEY (order_id) REFERENCES orders (id) ON DELETE CASCADE';

describe('a follower of cascades', () => {
  it('asks for the foreign keys to be read again once for each statement, however often it is repeated', async () => {
    const follower = new CascadeFollower([items]);
    await follower.refresh(client, facts);
    expect(follower.isOutdatedBy(statement('TRUNCATE TABLE orders', 100))).toBe(false);
    expect(follower.isOutdatedBy(statement(ADD, 200))).toBe(true);
    expect(follower.isOutdatedBy(statement(ADD, 200))).toBe(false);
    expect(follower.isOutdatedBy(statement(ADD, 300))).toBe(true);
  });

  it('keeps a foreign key that it only saw being added', async () => {
    const follower = new CascadeFollower([items]);
    await follower.refresh(client, facts);
    follower.isOutdatedBy(statement(ADD, 200));
    await follower.refresh(client, facts);
    expect(follower.interests).toEqual([
      items,
      { table: { schema: 'shop', table: 'orders' }, columns: ['id'] },
    ]);
  });
});
