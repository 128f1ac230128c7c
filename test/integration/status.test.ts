import { writeFile } from 'node:fs/promises';
import { afterAll, beforeAll, describe, expect, inject, it } from 'vitest';
import { stringify } from 'yaml';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const { mysql, redis } = inject('servers');

interface Status {
  readonly rules: readonly (Readonly<Record<string, number | string>> & { readonly rule: string })[];
  readonly redis: {
    readonly reachable: boolean;
    readonly nodes: readonly Readonly<Record<string, unknown>>[];
  };
  readonly recent_errors: readonly Readonly<Record<string, unknown>>[];
}

describe('GET /status', () => {
  let shop: Shop;
  let daemon: DaemonProcess;
  let config: Record<string, unknown>;

  beforeAll(async () => {
    shop = await openShop(mysql[0]!, redis.url);
    const table = (name: string): string => `${shop.db.name}.${name}`;
    config = shop.config({
      rest: {
        rules: [
          { table: table('users'), key: shop.key('user:{id}'), max_deletes_per_second: 1 },
          {
            table: table('order_items'),
            action: 'update',
            key: shop.key('item:{order_id}'),
            value: { format: 'json', columns: ['order_id', 'sku'] },
            version: 'binlog',
            ttl: '1m',
            create: true,
          },
          { table: table('fence'), key: shop.key('fence:{id}') },
        ],
      },
    });
    daemon = await startDaemon(config);
    await daemon.ready();
  });
  afterAll(async () => {
    await daemon.stop();
    await shop.close();
  });

  const status = async (): Promise<Status> => (await daemon.status()) as Status;
  const rule = async (id: string) => (await status()).rules.find((one) => one.rule === id);

  it('tells for each rule what became of its keys, and what waits for its limit', async () => {
    await shop.cache('user:1');
    await shop.db.query(
      "INSERT INTO users (id, name) VALUES (1, 'ada-is-secret'), (2, 'b'), (3, 'c'), (4, 'd')",
    );
    await eventually(
      'deletes are held',
      () => rule('rules[0]'),
      (one) => Number(one?.['held']) > 0,
    );
    await shop.db.query("INSERT INTO order_items VALUES (1, 1, 'sku-is-secret')");
    await eventually(
      'a value is stored',
      () => rule('rules[1]'),
      (one) => one?.['stored'] === 1,
    );
    expect(await rule('rules[1]')).toMatchObject({ table: `${shop.db.name}.order_items`, does: 'update' });
    await eventually(
      'all deletes are done',
      () => rule('rules[0]'),
      (one) => one?.['deleted'] === 1 && one['absent'] === 3 && one['held'] === 0,
    );
    expect(JSON.stringify(await status())).not.toContain('secret');
  });

  it('tells what Redis says of itself, as the metrics do', async () => {
    const found = await eventually(
      'Redis was asked',
      status,
      ({ redis: { nodes } }) => nodes[0]?.['info'] === 'known',
    );
    expect(found.redis).toMatchObject({
      reachable: true,
      nodes: [
        {
          info: 'known',
          role: 'master',
          ping_ms: expect.any(Number),
          maxmemory_policy: 'noeviction',
          evicts_all_keys: false,
        },
      ],
    });
    const text = await (await daemon.request('/metrics')).text();
    for (const name of ['ping_seconds', 'memory_used_bytes', 'evicts_all_keys', 'evicted_keys_total']) {
      expect(text).toMatch(
        new RegExp(`^unstale_redis_${name}\\{node="127\\.0\\.0\\.1:\\d+/0",client_id=.*\\} `, 'm'),
      );
    }
    expect(text).toMatch(/^unstale_ready\{.*\} 1$/m);
  });

  it('counts anew with other rules, and keeps why a reload was refused', async () => {
    const rules = config['rules'] as object[];
    await writeFile(
      daemon.configFile,
      stringify({ ...config, admin: { listen: new URL(daemon.adminUrl).host }, rules: 7 }),
    );
    const refused = await daemon.request('/reload', { method: 'POST', headers: { 'x-unstale': '1' } });
    expect(refused.status).toBe(422);
    expect((await status()).recent_errors[0]).toMatchObject({
      code: 'UNSTALE_CONFIG_INVALID',
      count: 1,
      hint: expect.stringContaining('docs/configuration.md'),
    });
    await writeFile(
      daemon.configFile,
      stringify({ ...config, admin: { listen: new URL(daemon.adminUrl).host }, rules: rules.toReversed() }),
    );
    const applied = await daemon.request('/reload', { method: 'POST', headers: { 'x-unstale': '1' } });
    expect(applied.status).toBe(200);
    expect(await rule('rules[2]')).toMatchObject({ table: `${shop.db.name}.users`, deleted: 0, absent: 0 });
  });
});
