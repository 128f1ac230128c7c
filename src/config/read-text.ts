import { createReadStream } from 'node:fs';

/**
 * The text of a file, or undefined if it has more than `limit` bytes. It may be a pipe; a device that never ends is
 * read no further than the limit.
 * @throws Error of the system, such as ENOENT
 */
export async function readTextUpTo(file: string, limit: number): Promise<string | undefined> {
  const chunks: Uint8Array[] = [];
  let bytes = 0;
  const stream: AsyncIterable<Uint8Array> = createReadStream(file);
  for await (const chunk of stream) {
    bytes += chunk.length;
    // Leaving the loop closes the file.
    if (bytes > limit) return undefined;
    chunks.push(chunk);
  }
  return Buffer.concat(chunks).toString('utf8');
}
