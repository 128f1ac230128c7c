import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect, it } from 'vitest';
import { barriers, hasBrowser, keepPicture, openBrowser, openPage } from '../support/browser.ts';
import { eventually } from '../support/eventually.ts';

const program = fileURLToPath(new URL('../../scripts/demo/main.ts', import.meta.url));

it.skipIf(!hasBrowser)(
  'whoever starts the demo sees its changes arrive in the console, pauses and resumes them, without an error or a request to anybody else',
  async () => {
    const demo = spawn(process.execPath, [program, '--stay'], { stdio: ['ignore', 'pipe', 'inherit'] });
    const browser = await openBrowser();
    try {
      const lines: string[] = [];
      let address: string | undefined;
      for await (const line of createInterface({ input: demo.stdout })) {
        lines.push(line);
        address = /to be watched at\s+(\S+)/.exec(line)?.[1];
        if (address !== undefined) break;
      }
      if (address === undefined) throw new Error(`the demo ended:\n${lines.join('\n')}`);

      const { page, errors, foreign } = await openPage(browser, address, {
        viewport: { width: 1280, height: 900 },
      });
      const headline = (word: string): Promise<void> =>
        page.getByRole('heading', { level: 1, name: word, exact: true }).waitFor();
      const newest = (): Promise<string> => page.locator('#tail-lines li').first().innerText();
      const another = (than: string): Promise<string> =>
        eventually('another line arrives', newest, (text) => text !== than);
      await headline('Ready');
      await page.locator('#tail-lines li', { hasText: 'product:' }).first().waitFor();
      await another(await newest());
      expect(await barriers(page)).toEqual([]);
      await keepPicture(page, 'demo');

      await page.getByRole('button', { name: 'Pause' }).click();
      await headline('Paused');
      await page.getByRole('button', { name: 'Resume' }).click();
      await headline('Ready');
      await another(await newest());
      expect(errors).toEqual([]);
      expect(foreign).toEqual([]);
    } finally {
      await browser.close();
      demo.kill('SIGINT');
      await once(demo, 'exit');
    }
    expect(demo.exitCode).toBe(130);
  },
  // The demo itself takes half of a minute with nothing beside it.
  150_000,
);
