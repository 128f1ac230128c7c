import { describe, expect, inject, it } from 'vitest';
import { startDaemon } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { alterPosition, binlogEnd, storedPosition } from '../support/gaps.ts';
import { startMysqlServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';

const GiB = 2 ** 30;
const MiB = 2 ** 20;

// MariaDB's BLACKHOLE is a plugin that its packages do not always hold.
const servers = inject('servers').mysql.filter(({ flavour }) => flavour === 'mysql');

describe.each(servers)('a binlog file over 4 GiB on $label', ({ flavour }) => {
  it('is followed, and a position behind its 4 GiB is resumed by applying the file again', async () => {
    const server = await startMysqlServer({ flavour });
    const shop = await openShop(server, inject('servers').redis.url, { inFlight: 2 });
    let daemon = await startDaemon(shop.config());
    try {
      await daemon.ready();
      await shop.settled();
      // A table without storage: only the binlog keeps the rows. Files end behind a transaction, however large.
      await shop.db.query('CREATE TABLE sink (a LONGTEXT) ENGINE = BLACKHOLE');
      await shop.db.query('CREATE TABLE numbers (n INT PRIMARY KEY)');
      await shop.db.query(
        `INSERT INTO numbers VALUES ${Array.from({ length: 64 }, (_, n) => `(${n})`).join()}`,
      );
      // The file that is applied again shall hold no CREATE TABLE, which removes all keys of its table.
      await shop.db.query('FLUSH BINARY LOGS');
      const { file } = await binlogEnd(shop);
      await shop.cache('user:1', 'user:2', 'user:3');
      await shop.db.query('INSERT INTO users (id) VALUES (1)');
      const connection = await shop.db.pool.getConnection();
      await connection.query('BEGIN');
      for (let written = 0; written < 4.1 * GiB; written += 64 * MiB)
        await connection.query(`INSERT INTO sink SELECT REPEAT('x', ${MiB}) FROM numbers`);
      await connection.query('INSERT INTO users (id) VALUES (2)');
      await connection.query('COMMIT');
      connection.release();
      await shop.settled(120_000);
      expect(await shop.cached(['user:1', 'user:2', 'user:3'])).toEqual(['user:3']);
      expect((await daemon.stop()).code).toBe(0);

      const files = await shop.db.query('SHOW BINARY LOGS');
      const size = Number(files.find((row) => row['Log_name'] === file)?.['File_size']);
      expect(size).toBeGreaterThan(4 * GiB);
      await alterPosition(
        shop,
        `binlog_file = '${file}', binlog_position = ${size}, binlog_file_created_at = 0`,
      );
      await shop.cache('user:1', 'user:2');
      daemon = await startDaemon(shop.config());
      await daemon.ready();
      await shop.settled(120_000);
      expect(await shop.cached(['user:1', 'user:2', 'user:3'])).toEqual(['user:3']);
      await eventually(
        'the position behind the large file is stored',
        async () => (await storedPosition(shop)).file,
        (stored) => stored !== file,
      );
    } finally {
      await daemon.kill();
      await shop.close();
      await server.destroy();
    }
  });
});
