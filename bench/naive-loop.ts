// The other side of the benchmark: what one writes in an afternoon. It follows the binlog with zongji and sends
// one UNLINK for each changed row through a pipeline. It stores no position, repeats nothing and does not know
// about TRUNCATE, DDL or changed keys.
//
//   node bench/naive-loop.ts --mysql URL --redis URL --schema NAME --table NAME... [--from FILE:POS --rows N]
//
// Says `ready`, `begun` at the first event, and `done` when N rows are worked off.
import { parseArgs } from 'node:util';

import ZongJi from '@vlasky/zongji';
import type { RowData, UpdateRowData } from '@vlasky/zongji';
import { Redis } from 'ioredis';

const KEYS_PER_PIPELINE = 500;
const PAUSE_ABOVE = 5_000;
const RESUME_BELOW = 1_000;

const { values } = parseArgs({
  options: {
    mysql: { type: 'string', default: '' },
    redis: { type: 'string', default: '' },
    schema: { type: 'string', default: '' },
    table: { type: 'string', multiple: true, default: [] },
    from: { type: 'string' },
    rows: { type: 'string' },
  },
});
const redis = new Redis(values.redis);
const zongji = new ZongJi(values.mysql);
const lastRow = Number(values.rows ?? Infinity);

let pipeline = redis.pipeline();
let waiting = 0;
let worked = 0;
let paused = false;
let begun = false;
let turn: NodeJS.Immediate | undefined;

function unlink(key: string): void {
  pipeline.unlink(key);
  waiting += 1;
  if (pipeline.length >= KEYS_PER_PIPELINE) flush();
  else turn ??= setImmediate(flush);
}

function flush(): void {
  clearImmediate(turn);
  turn = undefined;
  const full = pipeline;
  pipeline = redis.pipeline();
  full.exec().then(answered, fail);
}

function answered(replies: [error: Error | null, result: unknown][] | null): void {
  for (const [error] of replies ?? []) if (error !== null) fail(error);
  const count = replies?.length ?? 0;
  waiting -= count;
  worked += count;
  if (paused && waiting < RESUME_BELOW) {
    paused = false;
    zongji.connection?.resume();
  }
  if (worked >= lastRow) console.log('done');
}

function isUpdate(row: RowData | UpdateRowData): row is UpdateRowData {
  return 'after' in row;
}

function fail(error: unknown): void {
  console.error(error);
  process.exit(1);
}

zongji.on('error', fail);
zongji.on('ready', () => console.log('ready'));
zongji.on('binlog', (event) => {
  if (!begun) {
    begun = true;
    console.log('begun');
  }
  if (!('rows' in event)) return;
  const table = event.tableMap[event.tableId]?.tableName;
  for (const row of event.rows) {
    const { id } = isUpdate(row) ? row.after : row;
    unlink(`${table}:${String(id)}`);
  }
  if (waiting > PAUSE_ABOVE && !paused) {
    paused = true;
    zongji.connection?.pause();
  }
});

const [filename, position] = values.from?.split(':') ?? [];
zongji.start({
  serverId: 4242,
  includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows'],
  includeSchema: { [values.schema]: values.table },
  ...(filename === undefined ? { startAtEnd: true } : { filename, position: Number(position) }),
});
