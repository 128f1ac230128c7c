import { UnstaleError } from '../errors/unstale-error.ts';
import type { SqlClient } from '../pipeline/ports.ts';

/** One binlog file as the server lists it; `size` in bytes, of the newest file as of now. */
export interface BinlogFile {
  readonly name: string;
  readonly size: number;
}

/**
 * The binlog files that the server has, the oldest first; undefined for an account that may not see them.
 * @throws UnstaleError of the client.
 */
export async function listBinlogFiles(client: SqlClient): Promise<readonly BinlogFile[] | undefined> {
  try {
    const rows = await client.query('SHOW BINARY LOGS');
    return rows.map((row) => ({ name: String(row['Log_name']), size: Number(row['File_size']) }));
  } catch (error) {
    if (error instanceof UnstaleError && error.code === 'UNSTALE_PRIVILEGE_MISSING') return undefined;
    throw error;
  }
}

/**
 * Where a place is among the files that the server has. `purged`: in a file older than the oldest. `replaced`: in
 * one that this row of files cannot hold, so the files were numbered anew. `ahead`: behind the file's end.
 */
export type Place = 'listed' | 'purged' | 'replaced' | 'ahead';

/** Locates `offset` (bytes) in `file` among `files`, which are in order. */
export function locate(file: string, offset: number, files: readonly BinlogFile[]): Place {
  const listed = files.find(({ name }) => name === file);
  if (listed !== undefined) return offset > listed.size ? 'ahead' : 'listed';
  const oldest = files[0];
  if (oldest === undefined || baseName(oldest.name) !== baseName(file)) return 'replaced';
  return sequenceOf(file) < sequenceOf(oldest.name) ? 'purged' : 'replaced';
}

/** Bytes of binlog from the beginning of the oldest file to a place; 0 for one that is not there any more. */
export function bytesFromOldest(file: string, offset: number, files: readonly BinlogFile[]): number {
  const index = files.findIndex(({ name }) => name === file);
  if (index === -1) return 0;
  return files.slice(0, index).reduce((sum, { size }) => sum + size, offset);
}

/** Bytes of binlog between two places of these files; undefined where one of them is not there any more. */
export function bytesBetween(
  from: { readonly file: string; readonly offset: number },
  to: { readonly file: string; readonly offset: number },
  files: readonly BinlogFile[],
): number | undefined {
  const isListed = ({ file }: { readonly file: string }): boolean => files.some(({ name }) => name === file);
  if (!isListed(from) || !isListed(to)) return undefined;
  return bytesFromOldest(to.file, to.offset, files) - bytesFromOldest(from.file, from.offset, files);
}

function baseName(file: string): string {
  return file.slice(0, file.lastIndexOf('.'));
}

function sequenceOf(file: string): number {
  return Number(file.slice(file.lastIndexOf('.') + 1));
}
