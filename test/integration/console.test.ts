import type { Browser, Page } from 'playwright-core';
import { afterAll, afterEach, beforeAll, describe, expect, inject, it } from 'vitest';
import { barriers, hasBrowser, keepPicture, openBrowser, openPage } from '../support/browser.ts';
import type { WatchedPage } from '../support/browser.ts';
import { startDaemon } from '../support/daemon-process.ts';
import type { DaemonProcess } from '../support/daemon-process.ts';
import { eventually } from '../support/eventually.ts';
import { startRedisServer } from '../support/provider.ts';
import type { TestRedisServer } from '../support/provider.ts';
import { openShop } from '../support/shop.ts';
import type { Shop } from '../support/shop.ts';

const PHONE = { width: 360, height: 740 };
const DESKTOP = { width: 1280, height: 900 };
const { mysql } = inject('servers');

describe.skipIf(!hasBrowser)('the console in a browser', () => {
  let browser: Browser;
  let redis: TestRedisServer;
  let shop: Shop;
  let daemon: DaemonProcess;
  const opened: WatchedPage[] = [];

  beforeAll(async () => {
    [browser, redis] = await Promise.all([
      openBrowser(),
      startRedisServer({ args: ['--maxmemory-policy', 'allkeys-lru'] }),
    ]);
    shop = await openShop(mysql[0]!, redis.url);
    daemon = await startDaemon(shop.config());
    await daemon.ready();
  });
  afterEach(async () => {
    await Promise.all(opened.splice(0).map(({ context }) => context.close()));
  });
  afterAll(async () => {
    await browser.close();
    await daemon.stop();
    await shop.close();
    await redis.destroy();
  });

  async function open(options: Parameters<typeof openPage>[2] = {}): Promise<WatchedPage> {
    const watched = await openPage(browser, `${daemon.adminUrl}/console`, { viewport: DESKTOP, ...options });
    opened.push(watched);
    await state(watched.page, 'Ready');
    return watched;
  }

  it('shows changes as they arrive, and nothing but what the daemon itself serves', async () => {
    const { page, errors, foreign } = await open();
    await following(page);
    const before = await deleted(page, 'rules[2]');
    await shop.cache('item:7:1', 'item:7:2');
    await shop.db.query("INSERT INTO order_items VALUES (7, 1, 'secret-value'), (7, 2, '')");
    const line = page.locator('#tail-lines li', { hasText: shop.key('item:7:1') });
    await line.waitFor();
    expect(await line.innerText()).toMatch(/delete[\s\S]*removed[\s\S]*rules\[2\]/);
    await eventually(
      'the rule has two deletes more',
      () => deleted(page, 'rules[2]'),
      (count) => count === before + 2,
    );
    await page.locator('#delay-chart .line-a').first().waitFor({ state: 'attached' });
    expect(await page.locator('#rate-chart svg').getAttribute('aria-label')).toMatch(
      /keys: last \d.*most \d/,
    );
    expect(await page.locator('#position').innerText()).toMatch(/Received[\s\S]*Applied[\s\S]*Stored/);
    expect(await page.locator('#redis').innerText()).toMatch(/Reachable[\s\S]*Ping[\s\S]*allkeys-lru/);
    expect(await page.locator('#reasons').innerText()).toContain('Redis may evict any key');
    // Keys are shown, values of rows are not, and nothing runs that is not a file of the daemon.
    expect(await page.content()).not.toContain('secret-value');
    expect(errors).toEqual([]);
    expect(foreign).toEqual([]);
    // What was before it was opened is on a page, too.
    const later = await open();
    await later.page.locator('#delay-chart .line-a').first().waitFor({ state: 'attached' });
  });

  it('follows only the keys that are asked for', async () => {
    const { page } = await open();
    await following(page);
    await page.getByLabel('Keys', { exact: true }).fill('user:21');
    await page.getByText('Following the keys that match.').waitFor();
    await shop.db.query("INSERT INTO users VALUES (20, 'twenty@x', ''), (21, 'one@x', '')");
    await page.locator('#tail-lines li', { hasText: shop.key('user:21') }).waitFor();
    await page.getByLabel('Keys', { exact: true }).fill('');
    await page.getByLabel('Rule', { exact: true }).selectOption('rules[2]');
    await page.getByText('Following the keys that match.').waitFor();
    await shop.db.query("INSERT INTO users VALUES (22, 'two@x', '')");
    await shop.db.query("INSERT INTO order_items VALUES (22, 1, '')");
    await page.locator('#tail-lines li', { hasText: shop.key('item:22:1') }).waitFor();
    expect(await page.locator('#tail-lines').innerText()).not.toContain(shop.key('user:2'));
  });

  it('pauses the daemon and resumes it', async () => {
    const { page, errors } = await open();
    await page.getByRole('button', { name: 'Pause' }).click();
    await state(page, 'Paused');
    await shop.cache('item:30:1');
    await shop.db.query("INSERT INTO order_items VALUES (30, 1, '')");
    await eventually(
      'the change has been read and waits',
      async () => (await daemon.metrics()).sum('unstale_lag_seconds'),
      (lag) => lag > 0,
    );
    expect(await shop.cached(['item:30:1'])).toEqual(['item:30:1']);
    await page.getByRole('button', { name: 'Resume' }).click();
    await state(page, 'Ready');
    await shop.settled();
    expect(await shop.cached(['item:30:1'])).toEqual([]);
    expect(errors).toEqual([]);
  });

  it('says why it cannot pause a daemon that has no such action', async () => {
    const { page, context } = await open();
    await context.route('**/console/data*', async (route) => {
      const response = await route.fetch();
      const data = (await response.json()) as { status: Record<string, unknown> };
      delete data.status['paused_by_operator'];
      await route.fulfill({ response, json: data });
    });
    await page.getByText('This daemon cannot be paused').waitFor();
    for (const name of ['Pause', 'Resume']) {
      expect(await page.getByRole('button', { name }).getAttribute('aria-disabled')).toBe('true');
    }
  });

  it('can be used with a keyboard alone', async () => {
    const { page } = await open();
    await following(page);
    await page.keyboard.press('Tab');
    expect(await focused(page)).toBe('Skip to the state');
    await page.keyboard.press('Enter');
    expect(await page.evaluate('document.activeElement.id')).toBe('main');
    const stops: string[] = [];
    for (let press = 0; press < 20 && stops.at(-1) !== 'Lines of the live tail, newest first'; press += 1) {
      await page.keyboard.press('Tab');
      stops.push(await focused(page));
      expect(await page.evaluate(OUTLINE)).toBe('solid');
      if (stops.at(-1) === 'Follow') {
        await page.keyboard.press('Space');
        await page.getByText('Stopped.').waitFor();
        await page.keyboard.press('Enter');
        await page.getByText('Following all keys.').waitFor();
      }
    }
    expect(stops).toEqual(
      expect.arrayContaining(['Pause', 'Resume', 'Keys', 'Rule', 'Follow', 'Clear', stops.at(-1)]),
    );
    // Nobody is held anywhere.
    await page.keyboard.press('Shift+Tab');
    expect(await focused(page)).toBe('Clear');
  });

  it('has no barrier for anybody, in the dark and by day, on a desk and on a phone', async () => {
    const { page, errors } = await open({ reducedMotion: 'reduce' });
    await following(page);
    await shop.cache('item:40:1');
    await shop.db.query("INSERT INTO order_items VALUES (40, 1, ''), (41, 1, '')");
    await page.locator('#tail-lines li').first().waitFor();
    for (const colorScheme of ['light', 'dark'] as const) {
      for (const viewport of [DESKTOP, PHONE]) {
        await page.emulateMedia({ colorScheme, reducedMotion: 'reduce' });
        await page.setViewportSize(viewport);
        await keepPicture(page, `${colorScheme}-${viewport.width}`);
        expect(await barriers(page), `${colorScheme} ${viewport.width}`).toEqual([]);
        expect(await page.evaluate('document.documentElement.scrollWidth')).toBe(viewport.width);
      }
    }
    expect(errors).toEqual([]);
  });

  it('says why it is not ready, with the error and what to do about it', async () => {
    const { page } = await open();
    await redis.stop();
    await state(page, 'Not ready');
    await page.locator('#reasons', { hasText: 'Redis is not reachable.' }).waitFor();
    await page.locator('#error-list', { hasText: 'UNSTALE_REDIS_UNREACHABLE' }).waitFor();
    await keepPicture(page, 'not-ready');
    expect(await barriers(page)).toEqual([]);
    await redis.start();
    await state(page, 'Ready');
  });

  it('says that the daemon is away, comes back with it, and asks for the token that it now wants', async () => {
    const { page, requests } = await open();
    const listen = new URL(daemon.adminUrl).host;
    const token = 'a-token-of-the-shop';
    await daemon.stop();
    await page.getByText('The daemon does not answer.').waitFor();
    await state(page, 'No answer');
    await keepPicture(page, 'away');
    expect(await barriers(page)).toEqual([]);
    daemon = await startDaemon(shop.config({ rest: { admin: { listen, token } } }));
    await page.getByText('The daemon does not answer.').waitFor({ state: 'hidden' });
    await state(page, 'Ready');

    const field = page.getByLabel('Token');
    await field.fill('wrong');
    await page.keyboard.press('Enter');
    await page.getByText('The daemon does not take this token.').waitFor();
    await field.waitFor();
    await keepPicture(page, 'token');
    expect(await barriers(page)).toEqual([]);
    await field.fill(token);
    await page.keyboard.press('Enter');
    await following(page);
    await field.waitFor({ state: 'hidden' });
    await shop.db.query("INSERT INTO order_items VALUES (50, 1, '')");
    await page.locator('#tail-lines li', { hasText: shop.key('item:50:1') }).waitFor();
    expect(requests.filter((url) => url.includes(token))).toEqual([]);
    expect(page.url()).not.toContain(token);
    expect(await page.evaluate('[localStorage.length, document.cookie]')).toEqual([0, '']);
    await page.reload();
    await following(page);
  });
});

const OUTLINE = 'getComputedStyle(document.activeElement).outlineStyle';

/** What a screen reader would call the element that has the focus. */
async function focused(page: Page): Promise<string> {
  return page.evaluate(`(() => {
    const element = document.activeElement;
    const label = element.labels?.[0]?.textContent ?? element.getAttribute('aria-label');
    return (label ?? element.textContent).trim();
  })()`);
}

async function state(page: Page, word: string): Promise<void> {
  await page.getByRole('heading', { level: 1, name: word, exact: true }).waitFor();
}

async function following(page: Page): Promise<void> {
  await page.getByText('Following all keys.').waitFor();
}

/** Deletes of a rule, whether there was something to delete or not. */
async function deleted(page: Page, rule: string): Promise<number> {
  const row = page.locator('#rule-rows tr', { has: page.getByRole('rowheader', { name: rule }) });
  const cells = row.locator('td[data-label=Deleted], td[data-label=Absent], td[data-label=Uncertain]');
  const texts = await cells.allTextContents();
  return texts.reduce((sum, text) => sum + Number(text.replace(',', '')), 0);
}
