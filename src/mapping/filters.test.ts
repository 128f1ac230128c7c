import * as fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ColumnValue } from '../change/row-change.ts';
import { compileFilters } from './filters.ts';
import { parseFilter } from './parse-filter.ts';

function apply(chain: string, value: ColumnValue): string | null | undefined {
  const filters = chain.split('|').map((text) => {
    const result = parseFilter(text);
    if (!result.ok) throw new Error(result.problem);
    return result.filter;
  });
  return compileFilters(filters)(value);
}

const BYTES = Uint8Array.from([0x00, 0x11, 0xab, 0xff]);
const UUID = Uint8Array.from(Buffer.from('0123456789abcdef0123456789abcdef', 'hex'));

describe('a filter', () => {
  it.each<[string, ColumnValue, string | undefined]>([
    ['lower', 'GRÜSSE ΟΔΟΣ İ', 'grüsse οδοσ i'],
    ['upper', 'straße ŉ ﬁ ᾳ 𐐨', 'STRAßE ŉ ﬁ ᾼ 𐐀'],
    ['trim', '  a b \t ', 'a b \t'],
    ['hex', 'aé', '61C3A9'],
    ['hex', BYTES, '0011ABFF'],
    ['hex|lower', BYTES, '0011abff'],
    ['hex', 255, undefined],
    ['base64', BYTES, 'ABGr/w=='],
    ['base64', 'x'.repeat(90), 'eHh4'.repeat(30)],
    ['base64', 12, 'MTI='],
    ['sha1', 'abc', 'a9993e364706816aba3e25717850c26c9cd0d89d'],
    ['sha1', 12, '7b52009b64fd0a2a49e6d8a939753077792b0554'],
    ['sha256', new Uint8Array(), 'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855'],
    ['uuid', UUID, '01234567-89ab-cdef-0123-456789abcdef'],
    ['uuid', BYTES, undefined],
    ['uuid', '0123456789abcdef', undefined],
    ['urlencode', "a b/é!'()*-._~", 'a%20b%2F%C3%A9%21%27%28%29%2A-._~'],
    ['urlencode', '\ud800', undefined],
    ['pad:5', 42, '00042'],
    ['pad:5', -42, '00-42'],
    ['pad:3', '日🎉', '0日🎉'],
    ['pad:2', 12345, '12345'],
    ['date:%Y%m%d', '2024-02-29', '20240229'],
    ['date:%H:%i:%s.%f', '2024-02-29', '00:00:00.000000'],
    ['date:%d.%m.%Y %H:%i:%s.%f', '2024-12-31 23:59:58.25', '31.12.2024 23:59:58.250000'],
    ['date:%Y-%m-%d', '0000-00-00', '0000-00-00'],
    ['date:100%% %H', '-100:01:02', '-100% 100'],
    ['date:%Y', '12:34:56', undefined],
    ['date:%Y', '2024', undefined],
    ['date:%Y', 2024, undefined],
    ['default:none', 'x', 'x'],
    ['default:none', 1.5, undefined],
    ['lower', 7, '7'],
    ['lower', 1.5, undefined],
  ])('%s of %j gives %j', (chain, value, expected) => {
    expect(apply(chain, value)).toBe(expected);
  });

  it.each(['lower', 'upper', 'trim', 'pad:3', 'urlencode', 'date:%Y', 'default:x'])(
    '%s of bytes gives nothing, so that the caller widens',
    (chain) => {
      expect(apply(chain, UUID)).toBeUndefined();
    },
  );

  it('lets NULL through to the default, which filters behind it see', () => {
    expect(apply('lower|sha1', null)).toBeNull();
    expect(apply('hex|default:none|upper', null)).toBe('NONE');
    expect(apply('default:', null)).toBe('');
  });

  it('gives nothing for an absent value, with a default or without', () => {
    expect(apply('default:x', undefined)).toBeUndefined();
    expect(apply('lower', undefined)).toBeUndefined();
  });

  it('encodes so that the value can be had again', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 200 }), fc.string({ unit: 'grapheme' }), (bytes, text) => {
        expect(Uint8Array.from(Buffer.from(apply('hex', bytes) ?? '', 'hex'))).toEqual(bytes);
        expect(Uint8Array.from(Buffer.from(apply('base64', bytes) ?? '', 'base64'))).toEqual(bytes);
        expect(Buffer.from(apply('base64', text) ?? '', 'base64').toString()).toBe(text);
        expect(decodeURIComponent(apply('urlencode', text) ?? '')).toBe(text);
      }),
    );
  });

  it('of letter case changes no number of characters, and nothing when it is repeated', () => {
    fc.assert(
      fc.property(fc.string({ unit: 'binary' }), (text) => {
        for (const chain of ['lower', 'upper']) {
          const once = apply(chain, text) ?? '';
          expect(Array.from(once)).toHaveLength(Array.from(text).length);
          expect(apply(chain, once)).toBe(once);
        }
      }),
    );
  });

  it('trims all spaces at both ends, and no others', () => {
    fc.assert(
      fc.property(fc.string({ unit: fc.constantFrom(' ', 'a', '\t') }), (text) => {
        let expected = text;
        while (expected.startsWith(' ')) expected = expected.slice(1);
        while (expected.endsWith(' ')) expected = expected.slice(0, -1);
        expect(apply('trim', text)).toBe(expected);
      }),
    );
    expect(apply('trim', `a${' '.repeat(200_000)}b`)).toHaveLength(200_002);
  });
});
