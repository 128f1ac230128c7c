// The floor: what no reader on mysql2's packet parser can be faster than. Each packet is framed, and its event's
// type byte looked at; nothing is decoded.
import ZongJi from '@vlasky/zongji';

import { tapPackets } from '../../src/binlog/zongji-tap.ts';
import { ReaderClock, readerTask } from './reader-clock.ts';

/** What a transaction ends with: XID, or for a compressed one TRANSACTION_PAYLOAD, which is all of it. */
const LAST_EVENTS: ReadonlySet<number | undefined> = new Set([16, 40]);
const task = readerTask();
const { host, port, user } = task;
const clock = new ReaderClock();
const zongji = new ZongJi({ host, port, user });

zongji.on('error', (error: Error) => {
  console.error(error);
  process.exit(1);
});
zongji.on('ready', () => {
  tapPackets(zongji, ({ buffer, start }) => {
    clock.begin();
    const ends = LAST_EVENTS.has(buffer[start + 4]);
    if (ends && buffer.readUInt32LE(start + 13) >= task.to.offset) clock.end();
  });
});
zongji.start({ serverId: 4242, filename: task.from.file, position: task.from.offset });
