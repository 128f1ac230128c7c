// The other side of the benchmark of lookups: one query for each changed row, four at the same time, and an UNLINK of
// what it gives. It stores no position and does not wait until the change can be read.
//
//   node bench/lookups/one-query-a-change.ts --mysql URL --redis URL --schema NAME
//
// Says `ready` when it follows the binlog.
import { parseArgs } from 'node:util';

import ZongJi from '@vlasky/zongji';
import { Redis } from 'ioredis';
import { createPool } from 'mysql2/promise';
import type { RowDataPacket } from 'mysql2/promise';

const CONNECTIONS = 4;
const PAUSE_ABOVE = 5_000;
const RESUME_BELOW = 1_000;

const { values } = parseArgs({
  options: {
    mysql: { type: 'string', default: '' },
    redis: { type: 'string', default: '' },
    schema: { type: 'string', default: '' },
  },
});
const redis = new Redis(values.redis);
const zongji = new ZongJi(values.mysql);
const pool = createPool({ uri: `${values.mysql}/${values.schema}`, connectionLimit: CONNECTIONS });

let waiting = 0;
let paused = false;

async function invalidate(parent: unknown): Promise<void> {
  waiting += 1;
  const [rows] = await pool.query<RowDataPacket[]>('SELECT id FROM products WHERE parent = ?', [parent]);
  await redis.unlink(rows.map(({ id }) => `product:${String(id)}`));
  waiting -= 1;
  if (paused && waiting < RESUME_BELOW) {
    paused = false;
    zongji.connection?.resume();
  }
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

zongji.on('error', fail);
zongji.on('ready', () => console.log('ready'));
zongji.on('binlog', (event) => {
  if (!('rows' in event)) return;
  for (const row of event.rows) {
    const image: unknown = 'after' in row ? row.after : row;
    if (typeof image === 'object' && image !== null) invalidate(Reflect.get(image, 'parent')).catch(fail);
  }
  if (waiting > PAUSE_ABOVE && !paused) {
    paused = true;
    zongji.connection?.pause();
  }
});
zongji.start({
  serverId: 4242,
  includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows'],
  includeSchema: { [values.schema]: ['items'] },
  startAtEnd: true,
});
