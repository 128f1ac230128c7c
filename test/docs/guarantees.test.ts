import { expect, describe, it } from 'vitest';
import { slug } from '../support/markdown.ts';
import { isInRepository, readRepository } from '../support/repository.ts';

const text = await readRepository('docs/guarantees.md');
const sections = text
  .split(/^## /m)
  .slice(1)
  .map((section) => section.split('\n'))
  .map(([title = '', ...rows]): [title: string, text: string] => [title, rows.join('\n')]);
const guarantees = sections.filter(([title]) => title !== 'What you have to do');

describe('docs/guarantees.md', () => {
  it.each(guarantees)('"%s" names tests that exist', (_, section) => {
    const named = /^\*\*Shown by:\*\* ([^]*?)(?:\n\n|\n?$)/m.exec(section)?.[1] ?? '';
    const files = [...named.matchAll(/`([^`]+)`/g)].map(([, file = '']) => file);
    expect(files.length).toBeGreaterThan(0);
    expect(files.filter((file) => !file.endsWith('.test.ts') || !isInRepository(file))).toEqual([]);
  });

  it('lists each guarantee at its beginning', () => {
    const listed = [...text.matchAll(/^\| \[[^\]]+\]\(#([\w-]+)\)/gm)].map(([, anchor]) => anchor);
    const anchors = guarantees.map(([title]) => slug(title));
    expect(listed).toEqual(anchors);
  });
});
