import { fileURLToPath } from 'node:url';
import axe from 'axe-core';
import { chromium } from 'playwright-core';
import type { Browser, BrowserContext, BrowserContextOptions, Page } from 'playwright-core';
import { findBrowser } from '../../scripts/servers/where.mjs';

/** Where the pictures of a test run are put; git ignores it. */
const PICTURES = new URL('../../test-results/console/', import.meta.url);

const program = findBrowser();

/** Whether there is a Chromium; on CI there has to be one, and its absence is an error of `openBrowser`. */
export const hasBrowser = program !== undefined || process.env['CI'] === 'true';

/** @throws Error naming the command that installs it, when it is missing. */
export async function openBrowser(): Promise<Browser> {
  if (program === undefined) throw new Error('Chromium is not installed; run: node scripts/setup.mjs');
  return chromium.launch({
    executablePath: program,
    // The tests may run as root in a container, whose /dev/shm is small.
    args: ['--no-sandbox', '--headless=new', '--disable-dev-shm-usage', '--disable-gpu'],
  });
}

/** A page, and what it must not do. */
export interface WatchedPage {
  readonly context: BrowserContext;
  readonly page: Page;
  /** Errors that the browser or the page's own code reported. */
  readonly errors: readonly string[];
  /** Requests that left the page's own server; none of them got an answer. */
  readonly foreign: readonly string[];
  /** All requests. */
  readonly requests: readonly string[];
}

export async function openPage(
  browser: Browser,
  url: string,
  options: BrowserContextOptions = {},
): Promise<WatchedPage> {
  const context = await browser.newContext(options);
  const [errors, foreign, requests]: [string[], string[], string[]] = [[], [], []];
  const { origin } = new URL(url);
  await context.route('**/*', async (route) => {
    const wanted = route.request().url();
    requests.push(wanted);
    if (new URL(wanted).origin === origin) return route.continue();
    foreign.push(wanted);
    return route.abort();
  });
  const page = await context.newPage();
  page.setDefaultTimeout(15_000);
  page.on('console', (message) => {
    if (message.type() === 'error' || message.type() === 'warning') errors.push(message.text());
  });
  page.on('pageerror', (error) => errors.push(String(error)));
  await page.goto(url);
  return { context, page, errors, foreign, requests };
}

/** What axe-core finds that keeps people from using the page: rules by name, with the elements. */
export async function barriers(page: Page): Promise<readonly string[]> {
  // By the debugger: the page's policy allows no script of others.
  await page.evaluate(axe.source);
  const { violations } = await page.evaluate<AxeResult>('axe.run(document, { resultTypes: ["violations"] })');
  return violations
    .filter(({ impact }) => impact === 'serious' || impact === 'critical')
    .map(({ id, nodes }) => `${id}: ${nodes.map(({ html }) => html.slice(0, 120)).join(' | ')}`);
}

interface AxeResult {
  readonly violations: readonly {
    readonly id: string;
    readonly impact: string | null;
    readonly nodes: readonly { readonly html: string }[];
  }[];
}

/** Keeps a picture of the whole page in test-results/console. */
export async function keepPicture(page: Page, name: string): Promise<void> {
  await page.screenshot({ path: fileURLToPath(new URL(`${name}.png`, PICTURES)), fullPage: true });
}
