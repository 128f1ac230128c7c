import { companionKey } from '../protocol/companion-key.ts';
import type { SampleCommand } from './missing-rights.ts';
import type { PublishOptions } from './publisher.ts';

/** Keys as the rules could produce them, by what is done with them. */
export interface WriteSample {
  readonly deletes: readonly string[];
  /** Keys whose companions are kept, and with `values` those that get one. */
  readonly scripts: readonly string[];
  readonly values: readonly string[];
  /** Keys that get a text. */
  readonly notes?: readonly string[];
  readonly generations: readonly string[];
  /** Sets that name keys. */
  readonly sets: readonly string[];
  readonly publish: PublishOptions | undefined;
}

/** What the sink does, one of each for every key. */
export function sampleCommands({
  deletes,
  scripts,
  values,
  notes = [],
  generations,
  sets,
  publish,
}: WriteSample): readonly SampleCommand[] {
  return [
    ...(deletes.length > 0 || sets.length > 0 ? [{ args: ['SCAN', '0', 'COUNT', '1'] } as const] : []),
    ...deletes.map((key) => on(key, 'UNLINK')),
    ...(scripts.length > 0 || generations.length > 0 ? [{ args: ['TIME'] } as const] : []),
    ...notes.map((key) => on(key, 'SET', '')),
    ...(scripts.length > 0 ? SCRIPT_CALLS : []),
    ...scripts.flatMap(scripted),
    ...values.flatMap((key) => [on(key, 'SET', ''), on(key, 'HSET', 'field', ''), on(key, 'PEXPIRE', '1')]),
    ...sets.flatMap((key) => [on(key, 'SSCAN', '0'), on(key, 'SREM', 'member'), on(key, 'UNLINK')]),
    ...generations.flatMap((key) => [on(key, 'SET', '1', 'NX'), on(key, 'INCR')]),
    ...publications(publish),
  ];
}

function on(key: string, name: string, ...args: string[]): SampleCommand {
  return { args: [name, key, ...args], place: `~${key}` };
}

const SCRIPT_CALLS: readonly SampleCommand[] = [
  { args: ['EVALSHA', '0', '0'] },
  { args: ['EVAL', 'return 0', '0'] },
];

/** What the scripts do. A user needs the rights to the commands inside a script as well as to the script. */
function scripted(key: string): readonly SampleCommand[] {
  const companion = companionKey(key);
  return [
    on(key, 'EXISTS'),
    on(key, 'UNLINK'),
    on(companion, 'UNLINK'),
    on(companion, 'TYPE'),
    on(companion, 'HGET', 'f'),
    on(companion, 'HMGET', 'f'),
    on(companion, 'HSET', 'f', ''),
    on(companion, 'HDEL', 'l'),
    on(companion, 'PTTL'),
    on(companion, 'PEXPIRE', '1'),
  ];
}

function publications({ channel, stream }: PublishOptions = {}): readonly SampleCommand[] {
  return [
    ...(channel === undefined ? [] : [{ args: ['PUBLISH', channel, ''], place: `&${channel}` } as const]),
    ...(stream === undefined ? [] : [on(stream, 'XADD', '*', 'message', '')]),
  ];
}
