import { companionKey } from '../protocol/companion-key.ts';
import type { RedisConnection } from './connection.ts';
import type { Send } from './send.ts';

export interface DrainOptions {
  readonly keysPerCommand: number;
  /** Whether readers take leases on the keys. */
  readonly guarded: boolean;
  readonly send: Send;
  /** The key holds something else than a set, and was removed. */
  readonly onNotASet: () => void;
  /**
   * Tells others of keys that were removed, at most `keysPerCommand`. It is awaited before their membership
   * goes, so that a repetition finds and tells them again. Undefined where nobody listens.
   */
  readonly announce: ((keys: readonly string[]) => Promise<void>) | undefined;
}

/** Members that one SSCAN asks for; a small set that Redis keeps as one piece comes whole. */
const SCAN_COUNT = 500;

/**
 * Removes every key that the set `key` names, and these members; Redis removes the set when it is empty. Resolves
 * with the number of keys that existed.
 *
 * Members that are there from the beginning to the end are found. One that is added meanwhile may stay, with its
 * key. A repetition after any failure goes on with what is left, because a key goes with or before its membership.
 * @throws UnstaleError of the command that failed, or the abort's reason.
 */
export async function drainSet(
  node: RedisConnection,
  key: string | Buffer,
  options: DrainOptions,
): Promise<number> {
  const { keysPerCommand, guarded, send, onNotASet, announce } = options;
  let removed = 0;
  let session = node.sessions();
  let cursor = '0';
  for (;;) {
    // Another process knows nothing of the cursor: with it members would be passed over.
    const page = await send(async () =>
      node.sessions() === session ? node.scanSet(key, cursor, SCAN_COUNT) : 'another session',
    );
    if (page === 'another session') {
      session = node.sessions();
      cursor = '0';
      continue;
    }
    if (page === 'not a set') {
      // What is there is stale, whatever it is.
      onNotASet();
      return removed + (await send(() => node.unlink([key])));
    }
    for (let at = 0; at < page.keys.length; at += keysPerCommand) {
      const members = page.keys.slice(at, at + keysPerCommand);
      // Before the keys: a lease that outlived its key could fill it with what was read before.
      if (guarded) await send(() => node.unlink(members.map((member) => companionKey(member.toString()))));
      if (announce !== undefined) {
        removed += await send(() => node.unlink(members));
        await announce(members.map((member) => member.toString()));
      }
      removed += await send(() => node.unlinkMembers(key, members));
    }
    cursor = page.cursor;
    if (cursor === '0') return removed;
  }
}
