// The floor: what unstale cannot be faster than. Each packet is framed as unstale does it, and its event's type byte
// looked at; nothing is decoded.
import ZongJi from '@vlasky/zongji';

import { takeDump } from '../../src/binlog/dump-packets.ts';
import { withDumpSockets } from '../../src/binlog/wire/dump-socket.ts';
import { ReaderClock, readerTask } from './reader-clock.ts';

/** What a transaction ends with: XID, or for a compressed one TRANSACTION_PAYLOAD, which is all of it. */
const LAST_EVENTS: ReadonlySet<number | undefined> = new Set([16, 40]);
const task = readerTask();
const { host, port, user } = task;
const clock = new ReaderClock();
const zongji = new ZongJi(withDumpSockets({ host, port, user }));

const failed = (error: Error): never => {
  console.error(error);
  process.exit(1);
};
const look = (type: number | undefined, nextOffset: number): undefined => {
  clock.begin();
  if (LAST_EVENTS.has(type) && nextOffset >= task.to.offset) clock.end();
};

zongji.on('error', failed);
zongji.on('ready', () => {
  takeDump(zongji, {
    consumer: {
      event: (buffer, start) => look(buffer[start + 4], buffer.readUInt32LE(start + 13)),
      inParts: (head) => {
        const [type, nextOffset] = [head[4], head.readUInt32LE(13)];
        return { part: () => undefined, end: () => look(type, nextOffset), abandon: () => undefined };
      },
    },
    onActivity: () => undefined,
    onFailure: failed,
  });
});
zongji.start({ serverId: 4242, filename: task.from.file, position: task.from.offset });
