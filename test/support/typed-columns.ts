import * as fc from 'fast-check';

import type { MysqlFlavour } from '../../scripts/servers/installed.ts';

type SqlValue = string | number | Buffer | null;

/** One column of every kind of type, with the values to try in it. */
export interface TypedColumn {
  readonly name: string;
  readonly definition: string;
  /** Whether the decoder reads it; of the others it only has to know the length. */
  readonly inKeys: boolean;
  /** What SQL takes as a parameter. */
  readonly values: fc.Arbitrary<SqlValue>;
}

/** A character set and characters that it has. */
const REPERTOIRES: Readonly<Record<string, string>> = {
  utf8mb4: 'ß日🎉{}:*?',
  utf8mb3: 'ß日',
  ascii: '~\\',
  latin1: 'üß€ÿ',
  latin2: 'Žťčů',
  latin5: 'Şığ',
  latin7: 'Žąė',
  greek: 'Ελην',
  hebrew: 'שלום',
  cp1250: 'Příž',
  cp1251: 'Привё',
  cp1256: 'سلام',
  cp1257: 'Ąžuo',
  cp866: 'Приё',
  koi8r: 'Приё',
  koi8u: 'їжа',
  tis620: 'สวัด',
  sjis: '日本テ',
  cp932: '日本①',
  euckr: '한국어',
  big5: '中文',
  gb2312: '中文符',
  gbk: '中文體',
  ucs2: 'ß日',
  utf16: 'ß日🎉',
  utf16le: 'ß日🎉',
};

const integers: readonly (readonly [type: string, bits: bigint])[] = [
  ['TINYINT', 8n],
  ['SMALLINT', 16n],
  ['MEDIUMINT', 24n],
  ['INT', 32n],
  ['BIGINT', 64n],
];

/** All columns of a flavour; their order mixes those that are read and those that are skipped. */
export function typedColumns(flavour: MysqlFlavour): readonly TypedColumn[] {
  const columns = [...keyColumns(flavour), ...skippedColumns(flavour)];
  return (
    fc.sample(fc.shuffledSubarray(columns, { minLength: columns.length }), { seed: 7, numRuns: 1 })[0] ?? []
  );
}

function keyColumns(flavour: MysqlFlavour): TypedColumn[] {
  const key = (name: string, definition: string, values: fc.Arbitrary<SqlValue>): TypedColumn => ({
    name,
    definition,
    inKeys: true,
    values: fc.option(values, { freq: 8 }),
  });
  const decimals = [0, 1, 2, 3, 4, 5, 6];
  return [
    ...integers.flatMap(([type, bits]) => [
      key(`${type}_s`, type, integer(-(2n ** (bits - 1n)), 2n ** (bits - 1n) - 1n)),
      key(`${type}_u`, `${type} UNSIGNED`, integer(0n, 2n ** bits - 1n)),
    ]),
    ...[
      [1, 0],
      [5, 5],
      [10, 2],
      [20, 6],
      [18, 9],
      [65, 30],
    ].map(([precision = 0, scale = 0]) =>
      key(`decimal_${precision}_${scale}`, `DECIMAL(${precision},${scale})`, decimal(precision, scale)),
    ),
    ...Object.entries(REPERTOIRES).flatMap(([charset, characters]) => [
      key(`varchar_${charset}`, `VARCHAR(30) CHARACTER SET ${charset}`, text(characters, 30)),
      key(`char_${charset}`, `CHAR(9) CHARACTER SET ${charset}`, text(characters, 9)),
    ]),
    key('long_varchar', 'VARCHAR(400) CHARACTER SET latin1', text('aé', 400)),
    key('long_char', 'CHAR(200) CHARACTER SET utf8mb4', text('aé日', 200)),
    key('tiny_text', 'TINYTEXT CHARACTER SET latin1', text('aé', 255)),
    key('plain_text', 'TEXT CHARACTER SET utf8mb4', text('aé日', 600)),
    key('medium_text', 'MEDIUMTEXT CHARACTER SET utf8mb4', text('aé日', 600)),
    key('long_text', 'LONGTEXT CHARACTER SET utf8mb4', text('aé日', 600)),
    key(
      'enum_few',
      "ENUM('s','m','x,l','it''s','ü') CHARACTER SET latin1",
      fc.constantFrom('s', 'x,l', "it's", 'ü', 'none'),
    ),
    key(
      'enum_many',
      `ENUM(${labels('v', 300)})`,
      fc.nat({ max: 299 }).map((no) => `v${no}`),
    ),
    ...[3, 9, 17, 33, 64].map((count) =>
      key(
        `set_${count}`,
        `SET(${labels('s', count)})`,
        fc.subarray(Array.from({ length: count }, (_, no) => `s${no}`)).map((chosen) => chosen.join(',')),
      ),
    ),
    key(
      'a_date',
      'DATE',
      fc.constantFrom('2024-02-29', '1000-01-01', '9999-12-31', '0000-00-00', '2024-00-00'),
    ),
    ...decimals.flatMap((digits) => [
      key(`datetime_${digits}`, `DATETIME(${digits})`, moment('1000-01-01', '9999-12-30', digits)),
      key(`timestamp_${digits}`, `TIMESTAMP(${digits}) NULL`, moment('1970-01-02', '2038-01-18', digits)),
      key(`time_${digits}`, `TIME(${digits})`, duration(digits)),
    ]),
    key('a_year', 'YEAR', fc.constantFrom(0, 1901, 1999, 2155)),
    ...(flavour === 'mariadb'
      ? [
          key('compressed_varchar', 'VARCHAR(300) COMPRESSED', text('aé', 300)),
          // An alias of LONGTEXT.
          key('a_json', 'JSON', fc.json({ maxDepth: 2 })),
          key('compressed_text', 'TEXT COMPRESSED', text('aé', 600)),
        ]
      : [key('varchar_gb18030', 'VARCHAR(30) CHARACTER SET gb18030', text('中文', 30))]),
  ];
}

function skippedColumns(flavour: MysqlFlavour): TypedColumn[] {
  const skipped = (name: string, definition: string, values: fc.Arbitrary<SqlValue>): TypedColumn => ({
    name,
    definition,
    inKeys: false,
    values: fc.option(values, { freq: 8 }),
  });
  const bytes = (maxLength: number): fc.Arbitrary<Buffer> =>
    fc.uint8Array({ maxLength }).map((each) => Buffer.from(each));
  return [
    skipped('a_float', 'FLOAT', fc.constantFrom(0, -1.5, 0.1, 3.4e38)),
    skipped('a_double', 'DOUBLE', fc.constantFrom(0, -1.5, 0.1, 1.7e308)),
    ...[1, 8, 9, 33, 64].map((bits) =>
      skipped(`bit_${bits}`, `BIT(${bits})`, integer(0n, 2n ** BigInt(bits) - 1n)),
    ),
    skipped('a_binary', 'BINARY(7)', bytes(7)),
    skipped('a_varbinary', 'VARBINARY(9)', bytes(9)),
    skipped('long_varbinary', 'VARBINARY(600)', bytes(600)),
    skipped('tiny_blob', 'TINYBLOB', bytes(255)),
    skipped('plain_blob', 'BLOB', bytes(600)),
    skipped('medium_blob', 'MEDIUMBLOB', bytes(600)),
    skipped('long_blob', 'LONGBLOB', bytes(600)),
    skipped('text_ujis', 'VARCHAR(30) CHARACTER SET ujis', text('日本テ', 30)),
    skipped('text_eucjpms', 'VARCHAR(30) CHARACTER SET eucjpms', text('日本①', 30)),
    ...(flavour === 'mariadb'
      ? [
          skipped('a_uuid', 'UUID', fc.uuid()),
          skipped('an_inet4', 'INET4', fc.ipV4()),
          skipped('an_inet6', 'INET6', fc.ipV6()),
        ]
      : [skipped('a_json', 'JSON', fc.json({ maxDepth: 2 }))]),
  ];
}

function labels(prefix: string, count: number): string {
  return Array.from({ length: count }, (_, no) => `'${prefix}${no}'`).join(',');
}

/** As text, so that no digit is lost; the ends of the range often. */
function integer(min: bigint, max: bigint): fc.Arbitrary<SqlValue> {
  return fc.oneof(fc.constantFrom(min, max, 0n, 1n), fc.bigInt({ min, max })).map(String);
}

function decimal(precision: number, scale: number): fc.Arbitrary<SqlValue> {
  const digits = (maxLength: number): fc.Arbitrary<string> =>
    fc.oneof(
      fc.constant('9'.repeat(maxLength)),
      fc.string({ unit: fc.constantFrom(...Array.from('0123456789')), maxLength }),
    );
  return fc
    .tuple(fc.boolean(), digits(precision - scale), digits(scale))
    .map(([negative, whole, fraction]) => `${negative ? '-' : ''}${whole || '0'}.${fraction || '0'}`);
}

function text(characters: string, maxLength: number): fc.Arbitrary<SqlValue> {
  return fc.string({
    unit: fc.constantFrom(...Array.from(characters), 'a', 'Z', '0', ' ', "'"),
    maxLength,
    size: 'max',
  });
}

function moment(min: string, max: string, digits: number): fc.Arbitrary<SqlValue> {
  const seconds = fc
    .date({ min: new Date(min), max: new Date(max), noInvalidDate: true })
    .map((date) => date.toISOString().slice(0, 19).replace('T', ' '));
  return fc.tuple(seconds, fraction(digits)).map(([second, rest]) => second + rest);
}

function duration(digits: number): fc.Arbitrary<SqlValue> {
  const part = (max: number): fc.Arbitrary<string> =>
    fc.nat({ max }).map((value) => String(value).padStart(2, '0'));
  return fc
    .tuple(fc.boolean(), part(837), part(59), part(59), fraction(digits))
    .map(
      ([negative, hours, minutes, seconds, rest]) =>
        `${negative ? '-' : ''}${hours}:${minutes}:${seconds}${rest}`,
    );
}

function fraction(digits: number): fc.Arbitrary<string> {
  if (digits === 0) return fc.constant('');
  return fc.nat({ max: 10 ** digits - 1 }).map((value) => `.${String(value).padStart(digits, '0')}`);
}
