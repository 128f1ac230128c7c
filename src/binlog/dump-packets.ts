import type ZongJi from '@vlasky/zongji';
import { divertBytes } from './wire/dump-socket.ts';
import type { ByteSink } from './wire/byte-sink.ts';
import type { EventConsumer } from './wire/event-consumer.ts';
import { PacketFramer } from './wire/packet-framer.ts';
import { tapDump } from './zongji-tap.ts';
import type { ByteStream } from './zongji-tap.ts';

export interface DumpPacketsOptions {
  readonly consumer: EventConsumer;
  /** Bytes arrived, of whatever kind. */
  readonly onActivity: () => void;
  /** The packets cannot be read, or the consumer failed; called once. */
  readonly onFailure: (error: Error) => void;
}

/** The events of a dump, and its flow. */
export interface DumpPackets {
  readonly stream: ByteStream;
  /** Holds the server back; no event arrives until `resume`. */
  pause(): void;
  resume(): void;
  /** No event arrives any more. */
  end(): void;
}

/**
 * Takes the dump of a zongji over. Call it in zongji's `'ready'` event. Errors and the end of the dump stay zongji's.
 * @throws UnstaleError when zongji does not have the expected inside.
 */
export function takeDump(zongji: ZongJi, options: DumpPacketsOptions): DumpPackets {
  const { consumer, onActivity, onFailure } = options;
  const framer: PacketFramer = new PacketFramer({
    consumer,
    onOther: (packet) => tap.giveBack(packet),
    flow: { pause: () => tap.stream.pause(), resume: () => tap.stream.resume() },
    onFailure,
  });
  const sink: ByteSink = {
    room: framer.room,
    wrote: (bytes) => {
      onActivity();
      framer.wrote(bytes);
    },
    push: (bytes) => {
      onActivity();
      framer.push(bytes);
    },
  };
  const tap = tapDump(
    zongji,
    () => divertBytes(tap.stream, sink),
    (bytes) => sink.push(bytes),
  );
  return {
    stream: tap.stream,
    pause: () => framer.pause(),
    resume: () => framer.resume(),
    end: () => framer.end(),
  };
}
