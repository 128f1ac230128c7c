// Reader: PowerSync's fork of zongji, every event and column.
import { createRequire } from 'node:module';

import type { BinLogEvent, ZongJi as PowersyncZongJi } from '@powersync/mysql-zongji';

import { ReaderClock, readerTask } from './reader-clock.ts';

// Its types name it as an export; what the module exports is the class itself.
const ZongJi: typeof PowersyncZongJi = createRequire(import.meta.url)('@powersync/mysql-zongji');
const task = readerTask();
const { host, port, user } = task;
const clock = new ReaderClock();
const zongji = new ZongJi({ host, port, user, password: '' });
let rows = 0;

zongji.on('error', (error: Error) => {
  console.error(error);
  process.exit(1);
});
zongji.on('binlog', (event: BinLogEvent) => {
  clock.begin();
  if ('rows' in event && event.tableMap[event.tableId]?.tableName === task.table) rows += event.rows.length;
  if (event.getEventName() === 'xid' && event.nextPosition >= task.to.offset) clock.end(rows);
});
zongji.start({ serverId: 4242, filename: task.from.file, position: task.from.offset });
