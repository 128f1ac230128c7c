import { readFile } from 'node:fs/promises';
import { setTimeout as delay } from 'node:timers/promises';

import { createConnection, createPool } from 'mysql2/promise';
import type { Connection, Pool, PoolConnection, ResultSetHeader, RowDataPacket } from 'mysql2/promise';

/** The password of the account in `sql/2-account.sql`. */
export const DAEMON_PASSWORD = 'demo-only';

/** Creates the shop and the daemon's account, and resolves with the application's connections. */
export async function openShop(rootUrl: string, connections: number): Promise<Pool> {
  const setup = await createConnection({ uri: rootUrl, multipleStatements: true });
  for (const file of ['1-shop.sql', '2-account.sql']) {
    await setup.query(await readFile(new URL(`./sql/${file}`, import.meta.url), 'utf8'));
  }
  await setup.end();
  return createPool({ uri: `${rootUrl}/shop`, connectionLimit: connections });
}

export interface User {
  readonly id: number;
  readonly name: string;
  readonly email: string;
}

export async function findUser(pool: Pool, id: number): Promise<User> {
  const [rows] = await pool.query<(User & RowDataPacket)[]>(
    'SELECT id, name, email FROM users WHERE id = ?',
    [id],
  );
  const [user] = rows;
  if (user === undefined) throw new Error(`the demo's user ${id} is missing`);
  return user;
}

/** The position that the daemon has stored, as `binlog.000002:1234`; undefined if there is none. */
export async function storedPosition(pool: Pool): Promise<string | undefined> {
  const [rows] = await pool.query<RowDataPacket[]>(
    "SELECT binlog_file, binlog_position FROM unstale.positions WHERE client_id = 'demo'",
  );
  const [row] = rows;
  return row === undefined ? undefined : `${row['binlog_file']}:${row['binlog_position']}`;
}

// Each write below resolves with the moment just before its commit was sent, in the time of performance.now():
// what is measured from there includes the commit itself, so it is never too small.

export async function changeEmail(pool: Pool, userId: number, email: string): Promise<number> {
  return inTransaction(pool, async (connection) => {
    await connection.query('UPDATE users SET email = ? WHERE id = ?', [email, userId]);
  });
}

export async function changePrice(pool: Pool, productId: number): Promise<number> {
  return inTransaction(pool, async (connection) => {
    await connection.query('UPDATE products SET price = price - 1 WHERE id = ?', [productId]);
  });
}

export async function placeOrder(pool: Pool, userId: number, productIds: readonly number[]): Promise<number> {
  return inTransaction(pool, async (connection) => {
    await orderProducts(connection, userId, productIds);
  });
}

/** Does all that `placeOrder` does, and then rolls back. */
export async function failToPlaceOrder(
  pool: Pool,
  userId: number,
  productIds: readonly number[],
): Promise<void> {
  const connection = await pool.getConnection();
  await connection.beginTransaction();
  await orderProducts(connection, userId, productIds);
  await connection.rollback();
  connection.release();
}

export async function cancelOrder(pool: Pool, orderId: number): Promise<number> {
  return inTransaction(pool, async (connection) => {
    await connection.query('DELETE FROM order_items WHERE order_id = ?', [orderId]);
    await connection.query('DELETE FROM orders WHERE id = ?', [orderId]);
  });
}

/** One statement, one transaction: the products 1 to `upTo`. */
export async function raisePrices(pool: Pool, upTo: number): Promise<number> {
  return inTransaction(pool, async (connection) => {
    await connection.query('UPDATE products SET price = price * 1.05 WHERE id <= ?', [upTo]);
  });
}

async function orderProducts(
  connection: Connection,
  userId: number,
  productIds: readonly number[],
): Promise<void> {
  const [order] = await connection.query<ResultSetHeader>(
    "INSERT INTO orders (user_id, status) VALUES (?, 'paid')",
    [userId],
  );
  for (const productId of productIds) {
    await connection.query('INSERT INTO order_items (order_id, product_id, quantity) VALUES (?, ?, 1)', [
      order.insertId,
      productId,
    ]);
  }
  await connection.query('UPDATE products SET stock = stock - 1 WHERE id IN (?)', [productIds]);
}

async function inTransaction(
  pool: Pool,
  work: (connection: PoolConnection) => Promise<void>,
): Promise<number> {
  const connection = await pool.getConnection();
  await connection.beginTransaction();
  await work(connection);
  const sentAt = performance.now();
  await connection.commit();
  connection.release();
  return sentAt;
}

/** A committed write of the traffic; `sentAt` as above. */
export interface Write {
  readonly userId: number;
  readonly sentAt: number;
}

/** Writes that go on until they are told to stop. */
export interface Traffic {
  /** The committed writes so far; it grows. */
  readonly writes: readonly Write[];
  /** Resolves when so many more writes are committed. @throws whatever a write threw. */
  more(count: number): Promise<void>;
  /** Resolves when the last write is committed. */
  stop(): Promise<void>;
}

export interface TrafficOptions {
  readonly firstUser: number;
  readonly lastUser: number;
  readonly connections: number;
  /** As long as the server keeps up. */
  readonly writesPerSecond: number;
}

/** Customers earn points: every user of the range once. */
export function startTraffic(pool: Pool, options: TrafficOptions): Traffic {
  const { firstUser, lastUser, connections, writesPerSecond } = options;
  const startedAt = performance.now();
  const writes: Write[] = [];
  const waiting = new Set<{ readonly target: number; readonly resolve: () => void }>();
  let nextUser = firstUser;
  let end = lastUser;

  const write = async (): Promise<void> => {
    while (nextUser <= end) {
      const userId = nextUser;
      nextUser += 1;
      const due = startedAt + ((userId - firstUser) * 1_000) / writesPerSecond;
      if (due > performance.now()) await delay(due - performance.now());
      const sentAt = performance.now();
      await pool.query('UPDATE users SET points = points + 10 WHERE id = ?', [userId]);
      writes.push({ userId, sentAt });
      for (const waiter of waiting) if (writes.length >= waiter.target) waiter.resolve();
    }
  };
  const ended = Promise.all(Array.from({ length: connections }, write)).then(() => undefined);
  // Reported to whoever calls `more` or `stop`.
  ended.catch(() => {});

  return {
    writes,
    more: async (count) => {
      const reached = Promise.withResolvers<void>();
      const waiter = { target: writes.length + count, resolve: reached.resolve };
      waiting.add(waiter);
      await Promise.race([reached.promise, ended]);
      waiting.delete(waiter);
    },
    stop: async () => {
      end = 0;
      await ended;
    },
  };
}
