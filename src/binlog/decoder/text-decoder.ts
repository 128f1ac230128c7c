/** Collation id to the name of its character set, as the server lists them. */
export type CollationCharsets = ReadonlyMap<number, string>;

/** Turns a text column's bytes into a string. */
export type TextReader = (buffer: Buffer, start: number, end: number) => string;

/**
 * MySQL's character sets by their WHATWG encoding names. What is not here is not decoded: a rule that needs such
 * a column widens to its scope. MySQL's latin1 is windows-1252.
 */
const ENCODINGS: Readonly<Record<string, string>> = {
  latin1: 'windows-1252',
  latin2: 'iso-8859-2',
  latin5: 'windows-1254',
  latin7: 'iso-8859-13',
  greek: 'iso-8859-7',
  hebrew: 'iso-8859-8',
  cp1250: 'windows-1250',
  cp1251: 'windows-1251',
  cp1256: 'windows-1256',
  cp1257: 'windows-1257',
  cp866: 'ibm866',
  koi8r: 'koi8-r',
  koi8u: 'koi8-u',
  tis620: 'windows-874',
  sjis: 'shift_jis',
  cp932: 'shift_jis',
  ujis: 'euc-jp',
  eucjpms: 'euc-jp',
  euckr: 'euc-kr',
  big5: 'big5',
  gb2312: 'gbk',
  gbk: 'gbk',
  gb18030: 'gb18030',
  ucs2: 'utf-16be',
  utf16: 'utf-16be',
  utf16le: 'utf-16le',
};

const UTF8: ReadonlySet<string> = new Set(['utf8mb4', 'utf8mb3', 'utf8', 'ascii']);

const readUtf8: TextReader = (buffer, start, end) => buffer.toString('utf8', start, end);

/** The reader for a character set; undefined for binary and for what cannot be decoded exactly. */
export function textReader(charset: string | undefined): TextReader | undefined {
  if (charset === undefined) return undefined;
  if (UTF8.has(charset)) return readUtf8;
  const encoding = ENCODINGS[charset];
  if (encoding === undefined) return undefined;
  const decoder = new TextDecoder(encoding, { ignoreBOM: true });
  return (buffer, start, end) => decoder.decode(buffer.subarray(start, end));
}
