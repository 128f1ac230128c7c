import { readFile } from 'node:fs/promises';

const docs = await readFile(new URL('../../docs/operations.md', import.meta.url), 'utf8');

/** The rights of the line of "Rights in Redis" that begins with `what`, as ACL SETUSER takes them. */
export function documentedRights(what: string): string[] {
  const line = docs.split('\n').find((text) => text.startsWith(`| ${what}`) && text.includes('`+'));
  const [, rights = ''] = /`(\+[^`]*)`/.exec(line ?? '') ?? [];
  if (rights === '') throw new Error(`docs/operations.md lists no right for ${what}`);
  return rights.replaceAll('\\|', '|').split(' ');
}
