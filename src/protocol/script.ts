import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';

/** A Lua script as Redis knows it. */
export interface Script {
  /** The file's name without its ending. */
  readonly name: string;
  readonly source: string;
  /** For EVALSHA. */
  readonly sha1: string;
}

/** A call of a script, and how to read its reply. */
export interface ScriptCall<Reply> {
  readonly script: Script;
  readonly keys: readonly string[];
  readonly args: readonly (string | Buffer)[];
  /** @throws TypeError for a reply that the script cannot give. Texts may come as strings or bytes. */
  readonly read: (reply: unknown) => Reply;
}

/** Reads one of the files beside this one. */
export function loadScript(name: string): Script {
  const source = readFileSync(new URL(`lua/${name}.lua`, import.meta.url), 'utf8');
  return { name, source, sha1: createHash('sha1').update(source).digest('hex') };
}
