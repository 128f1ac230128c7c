import { describe, expect, it } from 'vitest';
import { interestsIn } from '../../../test/support/interests.ts';
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
    const follower = new CascadeFollower(interestsIn([items]), undefined);
    await follower.refresh(client, facts);
    expect(follower.isOutdatedBy(statement('TRUNCATE TABLE orders', 100))).toBe(false);
    expect(follower.isOutdatedBy(statement(ADD, 200))).toBe(true);
    expect(follower.isOutdatedBy(statement(ADD, 200))).toBe(false);
    expect(follower.isOutdatedBy(statement(ADD, 300))).toBe(true);
  });

  it('keeps a foreign key that it only saw being added', async () => {
    const follower = new CascadeFollower(interestsIn([items]), undefined);
    await follower.refresh(client, facts);
    follower.isOutdatedBy(statement(ADD, 200));
    await follower.refresh(client, facts);
    expect(follower.interests.of('shop', 'items')).toEqual(items);
    expect(follower.interests.of('shop', 'orders')).toEqual({
      table: { schema: 'shop', table: 'orders' },
      columns: ['id'],
    });
  });

  it('keeps what rules want of a table of a pattern that a foreign key refers to, though it is gone', async () => {
    const tenants = interestsIn([items], { schemaPrefix: 'tenant_', table: 'orders', columns: ['number'] });
    const follower = new CascadeFollower(tenants, undefined);
    await follower.refresh(client, facts);
    const refers =
      'ALTER TABLE items ADD FOREIGN KEY (order_id) REFERENCES tenant_1.orders (id) ON DELETE CASCADE';
    follower.isOutdatedBy(statement(refers, 200));
    await follower.refresh(client, facts);
    const interest = follower.interests.of('tenant_1', 'orders');
    expect(interest?.columns).toEqual(['number', 'id']);
    expect(interest?.table).toBe(tenants.of('tenant_1', 'orders')?.table);
    expect(follower.interests.of('tenant_2', 'orders')).toBe(tenants.of('tenant_2', 'orders'));
  });
});
