import { readFile } from 'node:fs/promises';
import { describe, expect, it } from 'vitest';
import { READER_ERROR_CODES } from '../../src/reader/errors.ts';
import { safeObserver } from '../../src/reader/observer.ts';
import { DEFAULTS } from '../../src/reader/settings.ts';

const guide = await readFile(new URL('../../docs/reader.md', import.meta.url), 'utf8');

describe('docs/reader.md', () => {
  it('lists every error code, and no other', () => {
    const named = new Set([...guide.matchAll(/`(UNSTALE_READER_\w+)`/g)].map((match) => match[1]));
    expect(named).toEqual(new Set(Object.keys(READER_ERROR_CODES)));
  });

  it('lists every option with its default', () => {
    const defaults: Readonly<Record<string, unknown>> = { ...DEFAULTS, source: 'required' };
    const flat = Object.entries(defaults).flatMap(([name, value]) =>
      typeof value === 'object' && value !== null
        ? Object.entries(value).map(([inner, innerValue]) => [`${name}.${inner}`, innerValue] as const)
        : [[name, value] as const],
    );
    expect(flat.length).toBeGreaterThan(15);
    for (const [name, value] of flat) expect(guide).toContain(`| \`${name}\` | ${String(value)} |`);
  });

  it('lists every event', () => {
    const section = guide.split('## Metrics')[1]?.split('\n## ')[0] ?? '';
    for (const name of Object.keys(safeObserver())) expect(section).toContain(`    ${name}: (`);
  });
});
