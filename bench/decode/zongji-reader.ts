// Readers: zongji with every event and column, and (second argument "filter") with its own filter by table and
// event, the cheapest way to use it: no commits are delivered, the end is known by the number of rows.
import ZongJi from '@vlasky/zongji';

import { ReaderClock, readerTask } from './reader-clock.ts';

const task = readerTask();
const filtered = process.argv[3] === 'filter';
const { host, port, user } = task;
const clock = new ReaderClock();
const zongji = new ZongJi({ host, port, user });
let rows = 0;

zongji.on('error', (error: Error) => {
  console.error(error);
  process.exit(1);
});
zongji.on('binlog', (event) => {
  clock.begin();
  if ('rows' in event && event.tableMap[event.tableId]?.tableName === task.table) rows += event.rows.length;
  if (filtered ? rows >= task.rows : event.getEventName() === 'xid' && event.nextPosition >= task.to.offset)
    clock.end(rows);
});
zongji.start({
  serverId: 4242,
  filename: task.from.file,
  position: task.from.offset,
  ...(filtered
    ? {
        includeEvents: ['tablemap', 'writerows', 'updaterows', 'deleterows'],
        includeSchema: { [task.schema]: [task.table] },
      }
    : {}),
});
