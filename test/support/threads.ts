import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';

/** What each thread of a process waits in, e.g. `node: do_epoll_wait`. Linux only. */
export async function threadsOf(pid: number | undefined): Promise<string> {
  const tasks = `/proc/${pid}/task`;
  const threads = (await readdir(tasks)).map(async (thread) => {
    const read = (what: string): Promise<string> => readFile(join(tasks, thread, what), 'utf8');
    const [name, wait] = await Promise.all([read('comm'), read('wchan')]);
    return `${name.trim()}: ${wait}`;
  });
  return (await Promise.all(threads)).join(', ');
}
