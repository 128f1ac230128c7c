import { createConnection } from 'mysql2/promise';
import type { Connection } from 'mysql2/promise';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { rootCredentials } from '../support/database.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

/** Column definition to SQL values; each must give the key that an application builds from its SELECT. */
const COLUMNS: Readonly<Record<string, readonly [definition: string, values: readonly string[]]>> = {
  tiny: ['TINYINT', ['-128', '0', '127']],
  utiny: ['TINYINT UNSIGNED', ['0', '255']],
  flag: ['BOOL', ['TRUE', 'FALSE']],
  small: ['SMALLINT', ['-32768', '32767']],
  medium: ['MEDIUMINT', ['-8388608', '8388607']],
  umedium: ['MEDIUMINT UNSIGNED', ['16777215']],
  int32: ['INT', ['-2147483648', '2147483647']],
  uint32: ['INT UNSIGNED', ['4294967295']],
  big: [
    'BIGINT',
    ['-9223372036854775808', '-1', '9007199254740991', '9007199254740993', '9223372036854775807'],
  ],
  ubig: ['BIGINT UNSIGNED', ['18446744073709551615', '0']],
  price: ['DECIMAL(20,6)', ['-12345678901234.567891', '0', '0.5', '-0.000001']],
  whole: ['DECIMAL(10,0)', ['42', '-7']],
  part: ['DECIMAL(3,3)', ['0.123', '-0.999', '0.001', '0']],
  longest: [
    'DECIMAL(38,20)',
    ['-123456789012345678.12345678901234567890', '0.00000000000000000001', '900000000000000000', '0'],
  ],
  sixteen: ['DECIMAL(16,0)', ['9007199254740993', '-9007199254740993', '10', '0']],
  utf8: [
    'VARCHAR(40) CHARACTER SET utf8mb4',
    ["''", "'plain'", "'a:b {c} *?'", "'Grüße 日本 🎉'", "' spaced '"],
  ],
  latin: ['VARCHAR(40) CHARACTER SET latin1', ["'Grüße €'", "''"]],
  latin2: ['VARCHAR(40) CHARACTER SET latin2', ["'Žluťoučký kůň'"]],
  cyrillic: ['VARCHAR(40) CHARACTER SET cp1251', ["'Привет'"]],
  koi: ['CHAR(40) CHARACTER SET koi8r', ["'Привет'"]],
  sjis: ['VARCHAR(40) CHARACTER SET sjis', ["'日本語テスト'"]],
  korean: ['VARCHAR(40) CHARACTER SET euckr', ["'한국어'"]],
  chinese: ['VARCHAR(40) CHARACTER SET gbk', ["'中文字符'"]],
  wide_utf: ['VARCHAR(40) CHARACTER SET utf16', ["'Grüße 日本 🎉'"]],
  utf3: ['VARCHAR(40) CHARACTER SET utf8mb3', ["'Grüße 日本'"]],
  long_char: ['CHAR(100) CHARACTER SET utf8mb4', ["'日本'"]],
  long_varchar: ['VARCHAR(2000)', ["REPEAT('y', 300)"]],
  huge_text: ['MEDIUMTEXT', ["REPEAT('z', 70000)"]],
  many: [`ENUM(${Array.from({ length: 300 }, (_, index) => `'v${index}'`).join(',')})`, ["'v0'", "'v299'"]],
  wide_set: [
    `SET(${Array.from({ length: 40 }, (_, index) => `'s${index}'`).join(',')})`,
    ["'s0,s31,s32,s39'"],
  ],
  fixed: ['CHAR(10)', ["'ab'", "'ab   '", "''"]],
  long_text: ['TEXT', ["'text'", "REPEAT('x', 300)"]],
  size: ["ENUM('s','m','x,l','it''s')", ["'s'", "'x,l'", "'it''s'"]],
  tags: ["SET('a','b','c')", ["''", "'a'", "'c,a'"]],
  day: ['DATE', ["'2024-02-29'", "'1000-01-01'"]],
  moment: ['DATETIME', ["'2024-12-31 23:59:59'"]],
  micro: ['DATETIME(6)', ["'2024-12-31 23:59:59.000001'", "'2024-12-31 23:59:59'"]],
  stamp: ['TIMESTAMP NULL', ["'2024-06-30 12:00:00'"]],
  stamp3: ['TIMESTAMP(3) NULL', ["'2024-06-30 12:00:00.5'"]],
  hour: ['TIME', ["'-838:59:59'", "'00:00:00'", "'12:34:56'"]],
  hour2: ['TIME(2)', ["'-00:00:00.25'", "'01:02:03.04'"]],
  year_of: ['YEAR', ['1901', '2155', '0']],
};

describe.each(inject('servers').mysql)('key values of $label', (server) => {
  let shop: Shop;
  let daemon: DaemonProcess;
  /** An application's connection: big numbers exact, dates as text, UTC. */
  let app: Connection;

  beforeAll(async () => {
    shop = await openShop(server, inject('servers').redis.url);
    const definitions = Object.entries(COLUMNS).map(([name, [definition]]) => `${name} ${definition}`);
    await shop.db.query(`CREATE TABLE typed (n INT PRIMARY KEY, ${definitions.join(', ')})`);
    daemon = await startDaemon(
      shop.config({
        rest: {
          rules: [
            {
              table: `${shop.db.name}.typed`,
              keys: Object.keys(COLUMNS).map((name) => shop.key(`${name}={${name}}`)),
            },
            { table: `${shop.db.name}.fence`, key: shop.key('fence:{id}') },
          ],
        },
      }),
    );
    app = await createConnection({
      ...rootCredentials(server),
      database: shop.db.name,
      supportBigNumbers: true,
      dateStrings: true,
      timezone: 'Z',
    });
    await app.query("SET time_zone = '+00:00', sql_mode = ''");
    await daemon.ready();
  });

  afterAll(async () => {
    await app?.end();
    await daemon?.stop();
    await shop?.close();
  });

  it.each(Object.entries(COLUMNS))(
    '%s: the key of every value equals the one built from a SELECT',
    async (name, [, values]) => {
      await app.query('DELETE FROM typed');
      for (const [index, value] of values.entries()) {
        await app.query(`INSERT INTO typed (n, ${name}) VALUES (${index}, ${value})`);
      }
      await shop.settled();
      const [rows] = await app.query(`SELECT ${name} AS value FROM typed ORDER BY n`);
      const selected: unknown[] = Array.isArray(rows) ? rows : [];
      const rests = selected.map(
        (row) =>
          `${name}=${String(typeof row === 'object' && row !== null && 'value' in row ? row.value : '')}`,
      );
      expect(rests).toHaveLength(values.length);
      await shop.cache(...rests, `${name}=other`);
      await app.query('DELETE FROM typed');
      await shop.settled();
      expect(await shop.cached([...rests, `${name}=other`])).toEqual([`${name}=other`]);
    },
  );

  it('an invalid ENUM value is the empty string, as a SELECT gives it', async () => {
    await shop.cache('size=');
    await app.query("INSERT INTO typed (n, size) VALUES (100, 'nonsense')");
    await shop.settled();
    expect(await shop.cached(['size='])).toEqual([]);
  });

  it('NULL gives no key, and is counted', async () => {
    const before = (await daemon.metrics()).sum('unstale_rows_skipped_total');
    await shop.cache('utf8=', 'utf8=null', 'utf8=NULL');
    await app.query("INSERT INTO typed (n, size) VALUES (101, 's')");
    await shop.settled();
    expect(await shop.cached(['utf8=', 'utf8=null', 'utf8=NULL'])).toHaveLength(3);
    expect((await daemon.metrics()).sum('unstale_rows_skipped_total')).toBeGreaterThan(before);
  });
});
